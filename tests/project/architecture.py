"""Write the generated table of signals into ARCHITECTURE.md: `make fmt` runs it."""

from pathlib import Path

from pipelines.signals.schema import signals_page

PATH = Path(__file__).parents[2] / "ARCHITECTURE.md"
BEGIN, END = "<!-- signals: begin -->\n", "\n<!-- signals: end -->"


def main() -> None:
    """Replace what stands between the two marks."""
    before, rest = PATH.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    PATH.write_text(before + BEGIN + signals_page().strip() + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
