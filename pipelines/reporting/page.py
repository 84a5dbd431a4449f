"""The frame of a page that needs no other file: no links, no scripts; in light and dark, on any width."""

from collections.abc import Iterable, Sequence
from html import escape

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'">
<title>{title}</title><style>{style}</style></head><body><main>{body}</main></body></html>
"""
_STYLE = """
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5c6773;--line:#dde2e8;--page:#f4f6f8;--sheet:#fff;--mark:#3b6fd4}
@media(prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#9aa5b1;--line:#2c3440;--page:#0f1319;--sheet:#171c24;
--mark:#6f9bf0}}
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1080px;margin:0 auto;padding:24px 16px 64px}h1{margin:0;font-size:26px}
h2{margin:36px 0 12px;font-size:18px}
h3{margin:24px 0 8px;font-size:15px}p{margin:10px 0;color:var(--soft)}code{overflow-wrap:anywhere}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(130px,1fr));gap:12px;margin:20px 0}
.figures div{background:var(--sheet);border-radius:8px;padding:12px 14px}.figures b{display:block;font-size:22px}
.figures span{color:var(--soft);font-size:13px}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,330px),1fr));gap:12px}
svg{width:100%;height:auto;display:block}.funnel{max-width:800px}.scroll{overflow-x:auto;background:var(--sheet);border-radius:8px}
table{border-collapse:collapse;width:100%;font-size:14px}th,td{padding:6px 12px;text-align:right;white-space:nowrap;
border-bottom:1px solid var(--line)}th:first-child,td:first-child{text-align:left;white-space:normal}
.words th,.words td{text-align:left;white-space:normal}
.words td:last-child,.words td:nth-child(n+4){overflow-wrap:anywhere}
tr:last-child td{border-bottom:0}th{font-weight:600;color:var(--soft)}
.gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(128px,1fr));gap:12px}
figure{margin:0;padding:8px;background:var(--sheet);border-radius:8px;display:flex;flex-direction:column;gap:6px}
figure img{width:100%;height:112px;object-fit:contain;background:#fff;border-radius:4px}
.none{height:112px;display:grid;place-items:center;color:var(--soft);font-size:12px;border:1px dashed var(--line);
border-radius:4px}figcaption{font-size:13px;flex:1}q{quotes:none;display:-webkit-box;-webkit-line-clamp:4;
-webkit-box-orient:vertical;overflow:hidden;overflow-wrap:anywhere}small{display:block;color:var(--soft);font-size:11px;
overflow-wrap:anywhere}audio{width:100%;height:30px}
"""


def page(title: str, body: str) -> str:
    """A whole document; `body` is HTML, the title is text."""
    return _PAGE.format(title=escape(title), style=_STYLE, body=body)


def tiles(figures: Iterable[tuple[str, int | str]]) -> str:
    """(name, figure) as large numbers side by side."""
    cells = (f"<div><b>{_figure(value)}</b><span>{escape(name)}</span></div>" for name, value in figures)
    return f'<div class="figures">{"".join(cells)}</div>'


def table(head: Sequence[str], rows: Iterable[Sequence[object]], *, is_words: bool = False) -> str:
    """Texts are text, whatever they hold; numbers get separators. Columns of words are left-aligned and wrap."""

    def line(tag: str, cells: Sequence[object]) -> str:
        return "<tr>" + "".join(f"<{tag}>{_figure(cell)}</{tag}>" for cell in cells) + "</tr>"

    body = "".join(line("td", row) for row in rows)
    kind = "scroll words" if is_words else "scroll"
    return f'<div class="{kind}"><table>{line("th", head)}{body}</table></div>'


def _figure(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else escape(str(value))
