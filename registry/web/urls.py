"""Addresses of the registry's own pages."""

from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import path

from registry.web import account, audit, people, sessions, tokens, welcome

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
    path("people/", people.everybody, name="people"),
    path("people/new", people.make, name="make-person"),
    path("people/<str:name>/", people.person, name="person"),
    path("people/<str:name>/link", people.link, name="person-link"),
    path("people/<str:name>/roles/grant", people.change, {"verb": "grant"}, name="grant-role"),
    path("people/<str:name>/roles/revoke", people.change, {"verb": "revoke"}, name="revoke-role"),
    path("people/<str:name>/deactivate", people.standing, {"verb": "deactivate"}, name="deactivate-person"),
    path("people/<str:name>/reactivate", people.standing, {"verb": "reactivate"}, name="reactivate-person"),
    path("people/<str:name>/erase", people.erase, name="erase-words"),
    path("tokens/", tokens.tokens, name="tokens"),
    path("tokens/<int:pk>/revoke", tokens.revoke, name="token-revoke"),
]
