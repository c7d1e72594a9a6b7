"""Indexes that are made while the previous release goes on writing."""

from django.db import migrations


class AddIndexOnline(migrations.AddIndex):
    """`CREATE INDEX CONCURRENTLY` on PostgreSQL, an ordinary one elsewhere; its migration is not atomic.

    Where it is interrupted, PostgreSQL keeps an invalid index of that name: drop it, and migrate again.
    """

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.model_name)
        schema_editor.add_index(model, self.index, concurrently=True)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor != "postgresql":
            super().database_backwards(app_label, schema_editor, from_state, to_state)
            return
        model = from_state.apps.get_model(app_label, self.model_name)
        index = from_state.models[app_label, self.model_name_lower].get_index_by_name(self.index.name)
        schema_editor.remove_index(model, index, concurrently=True)
