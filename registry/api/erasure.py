"""What a person wrote, erased over REST."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import policies, selectors
from registry.api.asking import PersonRequest, Strict, body
from registry.api.idempotency import idempotent
from registry.api.permissions import LoggedIn, require_fresh_login
from registry.errors import NotAllowed
from registry.services.erasure import erase_words


class ErasureBody(Strict):
    """Why the words are erased, such as the request that the person made."""

    example = {"grounds": "she has asked us to, by letter"}

    grounds = serializers.CharField(max_length=10_000)


class ErasureShape(serializers.Serializer[object]):
    person = serializers.CharField()
    erased = serializers.IntegerField()


class Erasure(APIView):
    """The words of one person."""

    permission_classes = [LoggedIn]

    @extend_schema(operation_id="people_erase_words", request=ErasureBody, responses=ErasureShape)
    @idempotent()
    def post(self, request: PersonRequest, person: str) -> Response:
        """Erase all that this person wrote as grounds, for good, as an admin with a fresh log-in.

        The log keeps that and when it was written, by whom, and that it was erased; its chain still holds.
        """
        if reason := policies.refuse_erasure(selectors.installation_access(request.user, request.auth)):
            raise NotAllowed(reason)
        require_fresh_login(request)
        whose = selectors.person(person, gone_too=True)
        erased = erase_words(whose, by=request.user, token=request.auth, **body(ErasureBody, request))
        return Response({"person": whose.get_username(), "erased": erased})
