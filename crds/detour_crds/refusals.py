"""What the API server means with an answer that is not a success, where its code does not say."""

from collections.abc import Mapping
from typing import Any

BY_WEBHOOK = 'admission webhook "'
"""How the message of a webhook's refusal begins (apiserver 1.36, ``webhook/errors``)."""


def did_not_apply(told: Mapping[str, Any]) -> bool:
    """Whether a 422 is of a JSON patch that met an object which is not as its tests say.

    The API server answers without any cause then (apiserver 1.36,
    ``endpoints/handlers/patch.go``); what validation or an admission policy refuses has causes.
    A webhook's refusal has those that the webhook gives, and may have none.
    """
    by_webhook = str(told.get("message") or "").startswith(BY_WEBHOOK)
    return not by_webhook and not (told.get("details") or {}).get("causes")
