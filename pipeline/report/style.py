"""The look of the report: system fonts, one accent colour, light and dark as the reader's system asks, and a quiet print."""

CSS = """
:root { color-scheme: light dark; --page: #ffffff; --panel: #f6f7f8; --text: #1c1f23; --quiet: #5b6470; --rule: #d9dde2;
  --accent: #0b6fa4; --mark: #c2500a; --warn: #fff4dc; --warn-rule: #d08a00; }
@media (prefers-color-scheme: dark) { :root { --page: #14171a; --panel: #1d2125; --text: #e4e7ea; --quiet: #9aa4af; --rule: #343a41;
  --accent: #62b6e6; --mark: #f0914e; --warn: #332608; --warn-rule: #d6a02e; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 74rem; background: var(--page); color: var(--text);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 3rem 0 .75rem; padding-top: .75rem; border-top: 1px solid var(--rule); font-size: 1.3rem; }
h3 { margin: 2rem 0 .5rem; font-size: 1.05rem; overflow-wrap: anywhere; }
p { max-width: 48rem; margin: .5rem 0; }
a { color: var(--accent); }
code, pre { font: .9em/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
pre { margin: .5rem 0; padding: .75rem 1rem; overflow-x: auto; background: var(--panel); border-radius: .4rem; }
.quiet, figcaption, caption { color: var(--quiet); }
.absent { padding: .5rem .8rem; border-left: 3px solid var(--rule); color: var(--quiet); }
.banner { margin: 1.25rem 0; padding: .75rem 1rem; border-left: 5px solid var(--warn-rule); background: var(--warn); }
.banner strong { display: block; font-size: 1.1rem; }
nav { margin: 1rem 0 0; display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; font-size: .92rem; }
.headline { display: grid; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); gap: 1rem; margin: 1rem 0; }
.card { padding: 1rem 1.2rem; background: var(--panel); border-radius: .5rem; }
.card h3 { margin: 0 0 .4rem; color: var(--quiet); font-size: .95rem; font-weight: 600; }
.card dl { display: flex; gap: 1.6rem; flex-wrap: wrap; margin: 0; }
.card dt { color: var(--quiet); font-size: .85rem; }
.card dd { margin: 0; font-size: 1.7rem; font-weight: 600; font-variant-numeric: tabular-nums; line-height: 1.25; }
.card dd.main { color: var(--accent); }
.scroll { overflow-x: auto; margin: .75rem 0 1.25rem; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
caption { padding: 0 0 .4rem; text-align: left; font-size: .9rem; max-width: min(48rem, calc(100vw - 2.5rem)); }
th, td { padding: .3rem .9rem .3rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--rule); }
thead th, thead th.number { color: var(--quiet); font-weight: 600; vertical-align: bottom; white-space: normal; }
tbody th { font-weight: 500; }
th.number, td.number { text-align: right; white-space: nowrap; }
tr.group th { padding-top: .9rem; font-weight: 600; }
tr:hover td, tr:hover th { background: var(--panel); }
.facts th { color: var(--quiet); font-weight: 500; white-space: nowrap; }
.facts td { overflow-wrap: anywhere; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1rem 1.5rem; }
.charts.one { max-width: 34rem; }
.chart { width: 100%; height: auto; font: 12.5px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
.chart text { fill: var(--quiet); }
.chart .strong { fill: var(--text); font-weight: 600; paint-order: stroke; stroke: var(--page); stroke-width: 4px; }
.chart .right { text-anchor: end; }
.chart .middle { text-anchor: middle; }
.chart .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.chart .first { stroke: var(--accent); }
.chart .second { stroke: var(--quiet); stroke-width: 1.5; }
.chart .dot { fill: var(--page); stroke-width: 2; }
.chart .grid { stroke: var(--rule); }
.chart .axis { stroke: var(--quiet); }
.chart .change { stroke: var(--quiet); stroke-dasharray: 2 3; }
.chart .mark { fill: var(--mark); stroke: var(--page); stroke-width: 1.5; }
.pictures { display: grid; gap: 1rem; margin: .75rem 0; }
@media (min-width: 40rem) { .pictures { grid-template-columns: repeat(3, 1fr); align-items: start; }
  .pictures figure:first-child { grid-row: span 2; } }
figure { margin: 0; }
figcaption { font-size: .85rem; padding-top: .3rem; }
img { display: block; width: 100%; height: auto; border-radius: .25rem; background: var(--panel); }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; margin: .5rem 0; padding: 0; list-style: none; font-size: .9rem; }
.legend li { display: flex; align-items: center; gap: .45rem; }
.swatch { width: 1rem; height: 1rem; border: 1px solid var(--quiet); border-radius: .2rem; flex: none; print-color-adjust: exact;
  -webkit-print-color-adjust: exact; }
.swatch.outline { background: none !important; border-width: 3px; border-style: solid; }
details { margin: .5rem 0; }
summary { cursor: pointer; color: var(--accent); }
@media print { :root { --page: #ffffff; --panel: #f6f7f8; --text: #000000; --quiet: #444444; --rule: #cccccc; --accent: #0b5a86;
  --mark: #b34700; --warn: #ffffff; --warn-rule: #000000; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  nav { display: none; }
  .scroll { overflow: visible; }
  figure, tr, .card { break-inside: avoid; }
  h2, h3 { break-after: avoid; } }
"""
