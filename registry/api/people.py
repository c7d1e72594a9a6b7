"""Accounts and their roles over REST, for a session alone: a token grants nothing."""

from __future__ import annotations

from collections.abc import Callable

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from registry import names, policies, selectors
from registry.api.asking import PersonRequest, Strict, body, query
from registry.api.idempotency import idempotent
from registry.api.paging import PageQuery, page_of, paged
from registry.api.permissions import LoggedIn, require_fresh_login
from registry.errors import NotAllowed
from registry.keyset import Order
from registry.services import accounts, invitations, people


class NewPerson(Strict):
    """The body of `POST /people`. A machine has no link: it owns tokens and cannot log in."""

    example = {"name": "ada", "email": "ada@example.org"}

    name = serializers.CharField(max_length=150)
    email = serializers.EmailField(required=False, allow_blank=True, default="")
    machine = serializers.BooleanField(required=False, default=False)


class RoleChange(Strict):
    """The body of a grant and of a revocation. Without `model` it is the role on all models."""

    example = {"role": "approver", "model": "digits", "grounds": "she knows what the digits are used for"}

    role = serializers.CharField(max_length=24)
    model = serializers.CharField(max_length=names.LONGEST, required=False, allow_null=True, default=None)
    grounds = serializers.CharField(max_length=10_000)


class PeopleQuery(PageQuery):
    """`search` is a part of the name or of the mail address."""

    search = serializers.CharField(required=False, allow_blank=True, max_length=200, default="")


class Because(Strict):
    """The body of what ends an account or brings it back."""

    example = {"grounds": "she has left the company"}

    grounds = serializers.CharField(max_length=10_000)


class HeldRoleShape(serializers.Serializer[object]):
    """A role on one model, or on all of them (null)."""

    role = serializers.CharField()
    model = serializers.CharField(source="model.name", default=None, allow_null=True)
    granted_at = serializers.DateTimeField()


class PersonShape(serializers.Serializer[object]):
    name = serializers.CharField(source="username")
    email = serializers.CharField()
    machine = serializers.BooleanField(source="is_machine")
    active = serializers.BooleanField(source="is_active")
    admin = serializers.BooleanField(source="is_superuser")
    last_login = serializers.DateTimeField(allow_null=True)
    roles = HeldRoleShape(source="memberships", many=True)


class LinkShape(serializers.Serializer[object]):
    """A link by which the person chooses a password, once, within seven days; told this once."""

    link = serializers.CharField(allow_null=True)


class NewPersonShape(PersonShape):
    """A new account; `link` opens it once, and is told this once."""

    link = serializers.CharField(allow_null=True)


def _require_sight(request: PersonRequest) -> None:
    if reason := policies.refuse_people(selectors.installation_access(request.user, request.auth)):
        raise NotAllowed(reason)


def _require_grantor(request: PersonRequest) -> None:
    if request.auth is not None:
        raise NotAllowed("A token makes no accounts and grants no roles: log in.")
    require_fresh_login(request)


def _address(request: PersonRequest, text: str) -> str:
    return reverse("welcome", args=[text], request=request)


class People(APIView):
    """Every account."""

    permission_classes = [LoggedIn]

    @extend_schema(
        operation_id="people_list",
        parameters=[PeopleQuery],
        responses=page_of(PersonShape),
    )
    def get(self, request: PersonRequest) -> Response:
        """Accounts with their roles, by name; for admins and auditors."""
        _require_sight(request)
        found = selectors.people(query(PeopleQuery, request)["search"])
        return paged(request, found, PersonShape, order=Order("username"))

    @extend_schema(operation_id="people_create", request=NewPerson, responses={201: NewPersonShape})
    @idempotent(secret="link")  # noqa: S106 - the name of a field
    def post(self, request: PersonRequest) -> Response:
        """Make an account. By the link in this answer its person chooses a password, once."""
        _require_grantor(request)
        asked = body(NewPerson, request)
        made = people.create_person(
            asked["name"],
            password=None,
            email=asked["email"],
            is_machine=asked["machine"],
            by=request.user,
        )
        text = None if made.is_machine else invitations.invite(made, by=request.user)
        made.link = text and _address(request, text)  # type: ignore[attr-defined]
        return Response(
            NewPersonShape(made).data, status=201, headers={"Location": f"/api/v1/people/{made.username}"}
        )


class OnePerson(APIView):
    """One account."""

    permission_classes = [LoggedIn]
    bodied = frozenset({"DELETE"})

    @extend_schema(operation_id="people_read", responses=PersonShape)
    def get(self, request: PersonRequest, name: str) -> Response:
        """The account and its roles."""
        _require_sight(request)
        return Response(PersonShape(selectors.person(name, gone_too=True)).data)

    @extend_schema(operation_id="people_deactivate", request=Because, responses=PersonShape)
    @idempotent()
    def delete(self, request: PersonRequest, name: str) -> Response:
        """Take it out of use: sessions, tokens and roles end, the log keeps what was done. Twice is once.

        The last administrator who can log in is refused. `POST /people/{name}/reactivation` undoes it.
        """
        return _stand(request, name, accounts.deactivate)


class Reactivation(APIView):
    """An account that was taken out of use."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="people_reactivate", request=Because, responses=PersonShape)
    @idempotent()
    def post(self, request: PersonRequest, name: str) -> Response:
        """Put it into use again, with its old password and without roles and tokens. Twice is once."""
        return _stand(request, name, accounts.reactivate)


def _stand(request: PersonRequest, name: str, deed: Callable[..., object]) -> Response:
    _require_grantor(request)
    _require_sight(request)
    found = selectors.person(name, gone_too=True)
    deed(found, by=request.user, why=body(Because, request)["grounds"])
    return Response(PersonShape(selectors.person(name, gone_too=True)).data)


class PersonInvitation(APIView):
    """How somebody who lost the password gets another one."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="people_invite", request=None, responses={201: LinkShape})
    @idempotent(secret="link")  # noqa: S106 - the name of a field
    def post(self, request: PersonRequest, name: str) -> Response:
        """Make a link by which the person chooses a password, once. Links from before end."""
        _require_grantor(request)
        _require_sight(request)
        text = invitations.invite(selectors.person(name), by=request.user)
        return Response({"link": _address(request, text)}, status=201)


class PersonRoles(APIView):
    """The roles of one account."""

    permission_classes = [LoggedIn]
    bodied = frozenset({"DELETE"})

    @extend_schema(operation_id="roles_list", responses=HeldRoleShape(many=True))
    def get(self, request: PersonRequest, name: str) -> Response:
        """Every role with the model that it is on."""
        _require_sight(request)
        held = selectors.person(name).memberships.select_related("model")
        return Response(HeldRoleShape(held, many=True).data)

    @extend_schema(operation_id="roles_grant", request=RoleChange, responses=PersonShape)
    @idempotent()
    def post(self, request: PersonRequest, name: str) -> Response:
        """Grant a role, with grounds. Having it already is fine."""
        return self._change(request, name, people.grant)

    @extend_schema(operation_id="roles_revoke", request=RoleChange, responses=PersonShape)
    @idempotent()
    def delete(self, request: PersonRequest, name: str) -> Response:
        """Revoke a role, with grounds, in a body like that of a grant. Not having it is fine."""
        return self._change(request, name, people.revoke)

    def _change(self, request: PersonRequest, name: str, deed: Callable[..., object]) -> Response:
        _require_grantor(request)
        asked = body(RoleChange, request)
        model = selectors.model(asked["model"], request.user) if asked["model"] else None
        deed(selectors.person(name), asked["role"], model=model, by=request.user, why=asked["grounds"])
        return Response(PersonShape(selectors.person(name)).data)
