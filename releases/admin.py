"""Django's admin for auditors: everything can be looked at, nothing can be changed."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Model
from django.http import HttpRequest

from registry.models import (
    ApiToken,
    Artifact,
    Event,
    Grounds,
    Job,
    Membership,
    ModelVersion,
    Person,
    PolicyProposal,
    RegisteredModel,
)
from releases.models import Environment, FeedbackBatch, GateRun, Release, Review, Reward, Rollout, Route


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """History pages: no add, no change, no delete; who may view is decided by role."""

    actions = None
    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.admin_site.has_permission(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.admin_site.has_permission(request)


admin.site.unregister(Group)  # rights come from roles alone


@admin.register(Event)
class EventAdmin(ReadOnly):
    list_display = ("seq", "at", "kind", "subject", "actor")
    list_filter = ("kind",)
    search_fields = ("subject", "actor", "model")
    ordering = ("-seq",)


@admin.register(Release)
class ReleaseAdmin(ReadOnly):
    list_display = ("id", "model", "version", "environment", "state", "opened_by", "opened_at")
    list_filter = ("state", "environment")
    search_fields = ("model__name", "model__title")
    list_select_related = ("model", "version__model", "environment", "opened_by")


@admin.register(GateRun)
class GateRunAdmin(ReadOnly):
    list_display = ("release", "gate", "outcome", "summary", "finished_at")
    list_filter = ("gate", "outcome")
    list_select_related = ("release",)


@admin.register(Review)
class ReviewAdmin(ReadOnly):
    list_display = ("release", "slot", "verdict", "person", "created_at")
    list_filter = ("slot", "verdict")
    list_select_related = ("release", "person")


@admin.register(Rollout)
class RolloutAdmin(ReadOnly):
    list_display = ("id", "release", "phase", "reason", "opened_at", "closed_at")
    list_filter = ("phase",)
    list_select_related = ("release",)


@admin.register(Route)
class RouteAdmin(ReadOnly):
    list_display = ("model", "environment", "revision", "at")
    list_filter = ("environment",)
    search_fields = ("model__name", "model__title")
    list_select_related = ("model", "environment")


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnly):
    list_display = ("model", "number", "digest", "uploaded_by", "built_by", "created_at")
    search_fields = ("model__name", "model__title", "digest")
    list_select_related = ("model", "uploaded_by")


@admin.register(PolicyProposal)
class PolicyProposalAdmin(ReadOnly):
    list_display = ("id", "model", "proposed_by", "proposed_at", "decision", "decided_by", "decided_at")
    list_filter = ("decision",)
    search_fields = ("model__name", "model__title")
    list_select_related = ("model", "proposed_by", "decided_by")


@admin.register(Person)
class PersonAdmin(ReadOnly):
    list_display = ("username", "email", "is_active", "is_machine", "is_staff", "last_login")
    exclude = ("password", "user_permissions", "groups")
    search_fields = ("username", "email")


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnly):
    list_display = ("identifier", "name", "owner", "scopes", "expires_at", "revoked_at", "last_used_at")
    exclude = ("secret_sha256",)
    list_select_related = ("owner",)


@admin.register(RegisteredModel, Artifact, Grounds, Job, Membership, Environment, FeedbackBatch, Reward)
class PlainAdmin(ReadOnly):
    list_select_related = True
