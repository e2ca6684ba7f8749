"""Judges a disk by what its guest was told: `python -m guest.verify --log LOG... --image FILE`.

Exit status 0: every sector is right. 1: it is not, or the guest itself saw wrong data or errors.
2: the log cannot be used (no header, records missing) or the image cannot be read.
"""

import argparse
import json
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

from guest.image import Scanner
from guest.log import Boots, parse
from guest.model import Model, UnusableLogError
from guest.offences import Judge, Offence

TOLD = 20


@dataclass
class Verdict:
    """What was checked and what is wrong.

    `offences` counts sectors, `first` describes up to 20 of them; `findings` are facts that are
    wrong without a sector of the image: what the guest saw when it booted or read back.
    """

    boots: int
    sectors_checked: int
    sectors_undefined: int
    acknowledged_operations: int
    acknowledged_bytes: int
    offences: int = 0
    by_kind: dict[str, int] = field(default_factory=dict)
    first: list[Offence] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether nothing was lost, torn, stale, misplaced or foreign."""
        return not self.offences and not self.findings

    def as_dict(self) -> dict[str, object]:
        """Return plain data for JSON."""
        return {"ok": self.ok, **asdict(self)}

    def describe(self) -> str:
        """Return a few lines for people."""
        lines = [
            f"{'OK' if self.ok else 'FAILED'}: {self.sectors_checked} sectors checked, "
            f"{self.acknowledged_operations} operations ({self.acknowledged_bytes} bytes) "
            f"acknowledged in {self.boots} boots, {self.seconds:.1f} s",
            *self.findings,
        ]
        if self.offences:
            lines.append(f"{self.offences} sectors wrong: {self.by_kind}")
        lines += [
            f"{o.offset:>14} {o.kind}: expected {o.expected}, found {o.found}" for o in self.first
        ]
        return "\n".join(lines)


def verify(boots: Boots, image: Path, slack: int = 0) -> Verdict:
    """Compare every sector of an image with a parsed log.

    The VM must be stopped, or its disk frozen since the end of the log.

    Args:
        boots: what `guest.log.parse` returned.
        image: a raw image or a block device.
        slack: operations beyond the window whose acknowledgements may not have reached the log.

    Raises:
        UnusableLogError: the log does not say enough.
        OSError: the image cannot be read.
    """
    start = time.monotonic()
    model = Model(boots, slack)
    scanner = Scanner(model)
    scan = scanner.scan(image)
    offences = list(Judge(scanner).offences()) if scan.wrong else []
    kinds = Counter(offence.kind for offence in offences)
    if scan.more:
        kinds["NotClassified"] = scan.more
    return Verdict(
        boots=len(model.boots),
        sectors_checked=scan.checked,
        sectors_undefined=scan.undefined,
        acknowledged_operations=sum(boot.acknowledged for boot in model.boots),
        acknowledged_bytes=model.bytes_acknowledged,
        offences=len(offences) + scan.more,
        by_kind=dict(kinds),
        first=offences[:TOLD],
        findings=_findings(model, scan.missing_sectors),
        seconds=time.monotonic() - start,
    )


def _findings(model: Model, missing_sectors: int) -> list[str]:
    found = list(model.findings)
    if missing_sectors:
        found.append(f"the image is {missing_sectors} sectors shorter than the guest's disk")
    for boot in model.boots:
        if boot.mismatch_count or boot.mismatches:
            told = boot.mismatches[:3]
            count = max(boot.mismatch_count, len(boot.mismatches))
            found.append(f"boot {boot.epoch32:08x} read {count} wrong sectors: {told}")
        if boot.failures:
            count = len(boot.failures)
            found.append(f"boot {boot.epoch32:08x} got {count} errors: {boot.failures[:3]}")
    return found


def read_logs(paths: list[Path]) -> Boots:
    """Parse the consoles in these files, the oldest first; files may part a boot.

    `-` is standard input: in a pod, another user than root cannot open `/dev/stdin`.
    """
    texts = [_bytes(path).decode("utf-8", errors="replace") for path in paths]
    return parse("\n--- next file\n".join(texts))


def _bytes(path: Path) -> bytes:
    return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()


def main() -> int:
    """Run the command line; returns its exit status."""
    parser = argparse.ArgumentParser(prog="guest.verify", description=__doc__)
    parser.add_argument("--log", nargs="+", type=Path, required=True, metavar="LOG")
    parser.add_argument("--image", type=Path, required=True)
    parser.add_argument("--slack", type=int, default=0, metavar="OPERATIONS")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    try:
        verdict = verify(read_logs(options.log), options.image, options.slack)
    except (UnusableLogError, OSError) as error:
        print(f"cannot judge: {error}", file=sys.stderr)
        return 2
    print(json.dumps(verdict.as_dict(), indent=2) if options.json else verdict.describe())
    return 0 if verdict.ok else 1


if __name__ == "__main__":
    sys.exit(main())
