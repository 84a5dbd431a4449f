"""`python -m assets VERB`: the journey, and the services to look at what it made."""

import argparse
import atexit
import logging
import os
import sys
import traceback

from assets import processes
from assets.home import Home
from pipelines.errors import CorpusError


def main() -> int:
    """0 done, 1 not done (the message says what to do), 2 usage, 130 interrupted."""
    args = _parser().parse_args()
    home = Home.of(os.environ)
    home.enter(os.environ)
    try:
        home.prepare()
        return int(args.run(args, home))
    except CorpusError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. The same command goes on from where it was.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m assets", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    journey = verbs.add_parser("journey", help="from a corpus to a promoted model, in this process")
    journey.add_argument("--corpus", default="openmoji", help="a name of the catalog, or a folder of images and clips")
    journey.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="WHAT.NAME=VALUE",
        help="a recipe's setting, a policy's parameter, a floor of the gate: aligner.training.num_steps=50",
    )
    journey.set_defaults(run=_journey)
    verbs.add_parser("ui", help="start the Dagster and MLflow pages and wait").set_defaults(run=_ui)
    verbs.add_parser("down", help="stop what `ui` started").set_defaults(run=_down)
    return parser


def _journey(args: argparse.Namespace, home: Home) -> int:
    processes.adopt_orphans()
    processes.obey_interrupts()
    with home.held(f"journey of {args.corpus}"):
        try:
            return _travel(args, home)
        finally:
            processes.end_children()


def _travel(args: argparse.Namespace, home: Home) -> int:
    from assets.journey import travel
    from assets.settings import run_config_of
    from assets.summary import complaint, summary

    outcome = travel(args.corpus, home=home, settings=run_config_of(args.settings))
    if outcome.was_interrupted:
        raise KeyboardInterrupt
    if outcome.failures and not outcome.was_refused:
        print(complaint(outcome), file=sys.stderr)
        return 1
    print(summary(outcome))
    return 1 if outcome.was_refused else 0


def _ui(args: argparse.Namespace, home: Home) -> int:
    from assets.services import Services

    del args
    return Services(home).serve(tell=lambda line: print(line, flush=True))


def _down(args: argparse.Namespace, home: Home) -> int:
    from assets.services import Services

    del args
    print(Services(home).stop())
    return 0


if __name__ == "__main__":
    try:
        code = main()
    except Exception:  # noqa: BLE001 - the last place: a fault of ours, said once and whole
        traceback.print_exc()
        code = 1
    # DuckDB's binding lists what an ending interpreter has not freed (Dagster assets once torch is loaded), forty
    # lines of it. Whoever asked to be told of the end is told, then the process ends as it stands.
    logging.shutdown()
    atexit._run_exitfuncs()  # noqa: SLF001 - there is no public name for it
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
