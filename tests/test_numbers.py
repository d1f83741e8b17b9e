"""Every number that a document says is one of the committed metrics, in its sentence."""

import ast
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from tests.claims.prose import NUMBER, occurrences, otherwise, prose, unheld
from tests.conftest import REPOSITORY

STUDIES = sorted(path.parents[1] for path in REPOSITORY.glob("studies/*/metrics/summary.json"))
"""Those with results; of others a README tells what is expected."""

DOCUMENTS = {
    "readme": Path("README.md"),
    "findings": Path("docs/findings.md"),
    **{
        study.name.replace("-", "_"): study.relative_to(REPOSITORY) / "README.md"
        for study in STUDIES
    },
}
"""By the module of `tests/claims` that holds them."""

PRESENT = [name for name, path in DOCUMENTS.items() if (REPOSITORY / path).exists()]


def claims_of(name: str) -> ModuleType:
    return import_module(f"tests.claims.{name}")


def text_of(name: str) -> str:
    return prose((REPOSITORY / DOCUMENTS[name]).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", PRESENT)
def test_a_document_says_what_the_metrics_say(name: str) -> None:
    module, text = claims_of(name), text_of(name)
    missing = [
        f"{DOCUMENTS[name]} should say «{fragment}», and says «{otherwise(fragment, text)}»"
        for fragment in map(prose, [*module.claims(), *module.GIVEN])
        if not any(occurrences(fragment, text))
    ]
    assert not missing, "\n".join([*missing, "(`git restore .` brings committed metrics back)"])


@pytest.mark.parametrize("name", PRESENT)
def test_a_document_has_no_number_that_no_claim_holds(name: str) -> None:
    module = claims_of(name)
    loose = unheld(text_of(name), map(prose, [*module.claims(), *module.GIVEN]))
    assert not loose, f"{DOCUMENTS[name]}: no claim of tests/claims/{name}.py holds " + "; ".join(
        loose
    )


@pytest.mark.parametrize("name", PRESENT)
def test_no_claim_has_a_number_that_was_written_by_hand(name: str) -> None:
    tree = ast.parse(Path(claims_of(name).__file__ or "").read_text(encoding="utf-8"))
    formats = [n.format_spec for n in ast.walk(tree) if isinstance(n, ast.FormattedValue)]
    parts: list[ast.AST | None] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and node not in formats:
            parts += node.values
        elif isinstance(node, ast.Yield):
            parts.append(node.value)
    texts = [part.value for part in parts if isinstance(part, ast.Constant)]
    assert not [text for text in texts if re.search(NUMBER, prose(str(text)))]


TEXT = prose("""# Of 25 σ [one](studies/1/README.md) reaches **97.3 %**

(He et al. 2015; Ioffe & Szegedy 2015, arXiv 1502.03167), from N(0, σ²), `train.epochs=20`; 12
```
dvc repro 7
```
## Expected before measuring

98 %
## Found
""")


def test_a_number_that_no_claim_holds_is_found() -> None:
    assert TEXT == ("Of 25 σ [one] reaches 97.3 % (He et al. ; Ioffe & , ), from σ²), ; 12 Found")
    assert [of.split()[0] for of in unheld(TEXT, ["Of 25 σ", "reaches 97.3 %"])] == ["12"]
    assert [of.split()[0] for of in unheld(TEXT, ["Of 25 σ", "7.3 %", "1"])] == ["97.3", "12"]


def test_a_number_that_is_stale_is_told_beside_the_measured_one() -> None:
    assert [*occurrences("reaches 97.3 %", TEXT)]
    for stale in ("reaches 97.4 %", "reaches 7.3 %", "7.3 %", "Of 2"):
        assert not [*occurrences(stale, TEXT)]
    assert otherwise("reaches 97.41 %", TEXT) == "reaches 97.3 %"
    assert otherwise("ends at 97.41 %", TEXT) == ""
