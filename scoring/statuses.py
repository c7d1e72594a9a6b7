"""Which HTTP status each error has: one table for the worker's port and for gRPC in front of it."""

from __future__ import annotations

from scoring import errors
from scoring.errors import ScoringError

STATUS: dict[type[ScoringError], int] = {
    errors.BadRequest: 400,
    errors.BadTensor: 400,
    errors.BadRequestId: 400,
    errors.MissingToken: 401,
    errors.Forbidden: 403,
    errors.UnknownRoute: 404,
    errors.UnknownModel: 404,
    errors.UnknownVersion: 404,
    errors.MethodNotAllowed: 405,
    errors.RequestTimeout: 408,
    errors.LengthRequired: 411,
    errors.BodyTooLarge: 413,
    errors.UnsupportedEncoding: 415,
    errors.UnsupportedType: 415,
    errors.PoisonRequest: 422,
    errors.OutsideLimits: 422,
    errors.BeyondRange: 422,
    errors.HeadTooLarge: 431,
    errors.InferenceFailed: 500,
    errors.OutputTooLarge: 500,
    errors.NotOpen: 503,
    errors.NotReady: 503,
    errors.Overloaded: 503,
    errors.VersionBroken: 503,
    errors.DeadlineExceeded: 504,
}


def status_of(error: ScoringError) -> int:
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
