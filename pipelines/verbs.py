"""Run one verb of a command line: arguments, errors as one line, exit codes, --json."""

import argparse
import importlib
import json
import sys
from collections.abc import Mapping, Sequence

from pipelines.errors import CorpusError


def run_verb(package: str, verbs: Mapping[str, tuple[str, str]], arguments: Sequence[str] | None = None) -> int:
    """0 done, 1 failed with a message that says what to do, 2 wrong usage; `verbs` as in `pipelines.__main__`."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    args = _parser(package, verbs, given).parse_args(given)
    try:
        result = importlib.import_module(verbs[args.verb][0]).run(args)
    except CorpusError as error:
        sys.stderr.write(f"error: {' '.join(str(error).split())}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: what is finished is kept, the same command goes on from there\n")
        return 130
    text = json.dumps(result, ensure_ascii=False, default=str) if args.json else _lines(result)
    sys.stdout.write(f"{text}\n")
    return 0


def _parser(package: str, verbs: Mapping[str, tuple[str, str]], given: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {package}", description=f"Trivium: {package}.")
    actions = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb, (module, does) in verbs.items():
        own = actions.add_parser(verb, help=does, description=f"{verb}: {does}")
        own.add_argument("--json", action="store_true", help="print one JSON object on the last line")
        if verb in given[:1]:  # importing every stage would cost a second
            importlib.import_module(module).add_arguments(own)
    return parser


def _lines(result: Mapping[str, object]) -> str:
    return "\n".join(f"{name}: {_shown(value)}" for name, value in result.items())


def _shown(value: object) -> str:
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return "".join(f"\n- {_shown(item)}" for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_shown(item)}" for name, item in value.items())
    return f"{value:.3g}" if isinstance(value, float) else str(value)
