"""PURE: how the page looks. The colours of each scheme are a table, so that a test can judge them.

Text has a contrast of at least 4.5 to 1 with what stands behind it, bars and lines of 3 to 1.
"""

from collections.abc import Mapping

# ground, words, what is beside the point, lines, bars of money in and out, and what warns.
LIGHT: Mapping[str, str] = {
    "ground": "#ffffff",
    "ink": "#1b1f24",
    "faint": "#57606a",
    "line": "#848d97",
    "in": "#0b63ba",
    "out": "#a04100",
    "warn": "#9a3412",
}
DARK: Mapping[str, str] = {
    "ground": "#14171a",
    "ink": "#e6e8ea",
    "faint": "#a4acb4",
    "line": "#6e7781",
    "in": "#6cb6ff",
    "out": "#ffb170",
    "warn": "#ffb4a2",
}

_RULES = """
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem;max-width:46rem;background:var(--ground);color:var(--ink);
font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.6rem;line-height:1.2;margin:.5rem 0}
h2{font-size:1.3rem;line-height:1.2;margin:2.5rem 0 .75rem;padding-bottom:.25rem;
border-bottom:2px solid var(--line)}
h3{font-size:1.05rem;margin:1.75rem 0 .5rem}
p{margin:.5rem 0}
.faint,caption,figcaption,footer{color:var(--faint);font-size:.875rem}
.warn{color:var(--warn);border-left:4px solid var(--warn);padding-left:.75rem;font-weight:600}
table{border-collapse:collapse;width:100%;margin:.5rem 0;font-size:.9375rem}
caption{text-align:left;padding-bottom:.25rem}
th,td{padding:.35rem .75rem .35rem 0;border-bottom:1px solid var(--line);text-align:left;
vertical-align:top}
th:last-child,td:last-child{padding-right:0}
thead th{font-size:.8125rem;color:var(--faint);vertical-align:bottom}
tbody th{font-weight:400}
tfoot th,tfoot td{font-weight:700;border-bottom:0}
th[scope=col]{overflow-wrap:normal}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.n+:not(.n){padding-left:.75rem}
.day{white-space:nowrap}
.short{max-width:22rem}
figure{margin:.75rem 0;max-width:30rem}
svg{display:block;width:100%;height:auto}
svg text{fill:var(--ink);font:12px system-ui,sans-serif;font-variant-numeric:tabular-nums}
.in{fill:var(--in)}
.out{fill:var(--out)}
.key{display:inline-block;width:1.5rem;margin-right:.35rem;vertical-align:middle}
.key.in{height:.6rem;background:var(--in)}
.key.out{height:.25rem;margin-left:.75rem;background:var(--out)}
code{font:.875em ui-monospace,monospace}
footer{margin-top:3rem}
@media(max-width:32rem){
table{font-size:.8125rem}
th,td{padding-right:.5rem}
.wide thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.wide,.wide caption,.wide tbody,.wide tr,.wide th,.wide td{display:block}
.wide tr{padding:.4rem 0;border-bottom:1px solid var(--line)}
.wide th,.wide td,.wide .n+td{padding:0;border:0;text-align:left}
.wide tbody th{font-weight:600}
.days .n{white-space:normal}
.wide td::before{content:attr(data-label) ": ";color:var(--faint)}
}
@media(forced-colors:active){
svg text,.in{fill:CanvasText}
.out{fill:Highlight}
.key{forced-color-adjust:none}
}
@media print{body{max-width:none}h2,h3,figure,tr{break-inside:avoid;break-after:avoid}}
"""


def sheet() -> str:
    """The style sheet."""
    return (
        f":root{{color-scheme:light dark;{_named(LIGHT)}}}"
        f"@media(prefers-color-scheme:dark){{:root{{{_named(DARK)}}}}}{_RULES}"
    )


def _named(colours: Mapping[str, str]) -> str:
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())
