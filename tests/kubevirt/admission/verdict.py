"""What a webhook answers."""

import base64
import json
from dataclasses import dataclass, field

UNPROCESSABLE = 422


@dataclass(frozen=True)
class Verdict:
    """Allowed or not, why, and the changes to the object."""

    allowed: bool = True
    message: str = ""
    code: int = UNPROCESSABLE
    patch: list[dict] = field(default_factory=list)

    def response(self, uid: str) -> dict:
        """The AdmissionReview's response."""
        answer: dict = {"uid": uid, "allowed": self.allowed}
        if not self.allowed:
            answer["status"] = {"code": self.code, "message": self.message}
            if self.code == UNPROCESSABLE:
                answer["status"]["reason"] = "Invalid"
        if self.patch:
            answer["patchType"] = "JSONPatch"
            answer["patch"] = base64.b64encode(json.dumps(self.patch).encode()).decode()
        return answer


ALLOWED = Verdict()


def denied(message: str, code: int = UNPROCESSABLE) -> Verdict:
    """A refusal."""
    return Verdict(allowed=False, message=message, code=code)
