"""What all charts are drawn by: scales, ticks, paths. Pure; the SVG is in templates/components/charts.

Places are percentages of the drawing, so that a chart is as wide as its column while its words keep
their size.
"""
