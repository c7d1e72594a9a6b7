"""Django's admin for auditors: everything can be looked at, nothing can be changed."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from registry import policies, selectors
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
from releases.models import (
    Environment,
    FeedbackBatch,
    GateRun,
    Release,
    Review,
    Reward,
    Rollout,
    Route,
    Switch,
)


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """History pages: no add, no change, no delete.

    Who audits all models reads all rows. Who audits some reads the rows whose `of_model` leads to one of
    these (to its `model_key`); a list without it is of no model.
    """

    of_model = ""
    model_key = "pk"
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
        if not self.admin_site.has_permission(request):
            return False
        return bool(self.of_model) or _reads_all(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.admin_site.has_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        rows = super().get_queryset(request)
        if _reads_all(request):
            return rows
        if not self.of_model or not request.user.is_authenticated:
            return rows.none()
        audited = selectors.models_for(request.user, None, {"audit-read"})
        return rows.filter(**{f"{self.of_model}__in": audited.values(self.model_key)})


def _reads_all(request: HttpRequest) -> bool:
    return not policies.refuse_log(selectors.installation_access(request.user))


admin.site.unregister(Group)  # rights come from roles alone


@admin.register(Event)
class EventAdmin(ReadOnly):
    list_display = ("seq", "at", "kind", "subject", "actor")
    list_filter = ("kind",)
    search_fields = ("subject", "actor", "model")
    ordering = ("-seq",)
    of_model = "model"
    model_key = "name"


@admin.register(Release)
class ReleaseAdmin(ReadOnly):
    of_model = "model"
    list_display = ("id", "model", "version", "environment", "state", "opened_by", "opened_at")
    list_filter = ("state", "environment")
    search_fields = ("model__name", "model__title")
    list_select_related = ("model", "version__model", "environment", "opened_by")


@admin.register(GateRun)
class GateRunAdmin(ReadOnly):
    of_model = "release__model"
    list_display = ("release", "gate", "outcome", "summary", "finished_at")
    list_filter = ("gate", "outcome")
    list_select_related = ("release",)


@admin.register(Review)
class ReviewAdmin(ReadOnly):
    of_model = "release__model"
    list_display = ("release", "slot", "verdict", "person", "created_at")
    list_filter = ("slot", "verdict")
    list_select_related = ("release", "person")


@admin.register(Rollout)
class RolloutAdmin(ReadOnly):
    of_model = "release__model"
    list_display = ("id", "release", "reason", "opened_at", "closed_at")
    list_select_related = ("release",)


@admin.register(Switch)
class SwitchAdmin(ReadOnly):
    of_model = "rollout__release__model"
    list_display = ("id", "rollout", "phase", "decided_by", "reason", "begun_at", "ended_at")
    list_filter = ("phase",)
    list_select_related = ("rollout",)


@admin.register(Route)
class RouteAdmin(ReadOnly):
    of_model = "model"
    list_display = ("model", "environment", "revision", "at")
    list_filter = ("environment",)
    search_fields = ("model__name", "model__title")
    list_select_related = ("model", "environment")


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnly):
    of_model = "model"
    list_display = ("model", "number", "digest", "uploaded_by", "built_by", "created_at")
    search_fields = ("model__name", "model__title", "digest")
    list_select_related = ("model", "uploaded_by")


@admin.register(PolicyProposal)
class PolicyProposalAdmin(ReadOnly):
    of_model = "model"
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


@admin.register(RegisteredModel)
class RegisteredModelAdmin(ReadOnly):
    of_model = "pk"
    list_select_related = True


@admin.register(Membership, Reward)
class OfModelAdmin(ReadOnly):
    of_model = "model"
    list_select_related = True


@admin.register(Artifact, Grounds, Job, Environment, FeedbackBatch)
class PlainAdmin(ReadOnly):
    list_select_related = True
