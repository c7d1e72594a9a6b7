"""What anybody can run to compare Assay with others. Never a part of the test suite."""
