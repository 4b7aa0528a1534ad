from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from consumer.simulator.behaviour import Behaviour, Concurrency, Fault, Profiles, Quota, Rate, Token
from consumer.simulator.control import Control
from consumer.simulator.simulation import Simulation

PAGE = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^\| [^`|]+ \| `(\{.*\})` \|$", PAGE, re.MULTILINE)


def test_the_table_of_keys_is_complete_and_tells_the_defaults() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\S+)", PAGE, re.MULTILINE)
    assert [key for key, _ in rows] == list(Behaviour.model_fields)
    defaults = {key: default.strip("`") for key, default in rows}
    assert {key: defaults[key] for key in ("seed", "profiles", "accept", "refusal_status")} == {
        "seed": "0",
        "profiles": "every",
        "accept": "arrival",
        "refusal_status": "400",
    }


@pytest.mark.parametrize("model", [Concurrency, Fault, Profiles, Quota, Rate, Token])
def test_every_key_below_is_mentioned(model: type[Fault]) -> None:
    for key in model.model_fields:
        assert re.search(rf"`[^`]*\b{key}\b[^`]*`", PAGE), f"{model.__name__}.{key}"


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_of_faults_are_understood(example: str) -> None:
    Fault.model_validate(yaml.safe_load(example))


def test_there_are_examples_of_faults() -> None:
    assert len(EXAMPLES) == 6


@pytest.mark.parametrize(
    "request_line", re.findall(r"^\| `(GET|POST) (/control\S*?)(?:\?\S*)?` \|", PAGE, re.MULTILINE)
)
def test_the_requests_of_the_page_are_served(request_line: tuple[str, str]) -> None:
    body = b'{"events": [], "window": "24h"}' if request_line[1].endswith("judge") else b""
    control = Control(Simulation("demo", Behaviour(), now=0.0))
    assert control.respond(*request_line, {}, body)[0] == 200


def test_the_python_example_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(example, "docs/simulator.md", "exec"), {"events": []})  # noqa: S102  the page of this repository
