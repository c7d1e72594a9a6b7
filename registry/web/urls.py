"""Addresses of the registry's own pages."""

from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import path

from registry.web import account, audit, sessions, welcome
from registry.web.people import everybody, person
from registry.web.tokens import page as tokens

urlpatterns = [
    path("login", sessions.LogIn.as_view(), name="login"),
    path("logout", LogoutView.as_view(), name="logout"),
    path("reauthenticate", sessions.reauthenticate, name="reauthenticate"),
    path("theme", sessions.theme, name="theme"),
    path("audit/verify", audit.verify, name="audit-verify"),
    path("audit/export", audit.export, name="audit-export"),
    path("welcome/<str:secret>", welcome.welcome, name="welcome"),
    path("account/", account.account, name="account"),
    path("account/mail", account.choose_mail, name="choose-mail"),
    path("account/sessions/others", account.end_others, name="end-other-sessions"),
    path("account/sessions/<str:identifier>", account.end_session, name="end-session"),
    path("people/", everybody.everybody, name="people"),
    path("people/new", everybody.make, name="make-person"),
    path("people/<str:name>/", person.person, name="person"),
    path("people/<str:name>/link", person.link, name="person-link"),
    path("people/<str:name>/roles/grant", person.change, {"verb": "grant"}, name="grant-role"),
    path("people/<str:name>/roles/revoke", person.change, {"verb": "revoke"}, name="revoke-role"),
    path("people/<str:name>/deactivate", person.standing, {"verb": "deactivate"}, name="deactivate-person"),
    path("people/<str:name>/reactivate", person.standing, {"verb": "reactivate"}, name="reactivate-person"),
    path("people/<str:name>/erase", person.erase, name="erase-words"),
    path("tokens/", tokens.tokens, name="tokens"),
    path("tokens/<int:pk>/revoke", tokens.revoke, name="token-revoke"),
]
