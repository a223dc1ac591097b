"""How a report looks."""

STYLE = """
:root { --ink: #1d2530; --soft: #5a6270; --line: #dfe3e8; --good: #1f7a45; --bad: #b3372c; --blue: #1763b6; }
* { box-sizing: border-box; }
body { margin: 0; background: #f6f7f9; color: var(--ink);
  font: 16px/1.55 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .4rem; }
h2 { font-size: 1.1rem; margin: 0 0 .6rem; }
p { margin: .2rem 0 .7rem; color: var(--soft); }
section { background: #fff; border: 1px solid var(--line); border-radius: 10px; padding: 1.1rem 1.3rem; margin-top: 1.1rem; }
.badge { font-size: .85rem; font-weight: 600; padding: .18rem .6rem; border-radius: 1rem; vertical-align: .3rem; background: #e6e9ee; }
.badge.good { background: #dcf2e4; color: var(--good); } .badge.bad { background: #fbe3e0; color: var(--bad); }
.facts { display: flex; flex-wrap: wrap; gap: .5rem 2rem; margin: .8rem 0 0; }
.facts dt { font-size: .78rem; color: var(--soft); } .facts dd { margin: 0; font-weight: 600; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: .83rem; }
th, td { padding: .32rem .7rem .32rem 0; border-bottom: 1px solid var(--line); } tr:last-child td { border-bottom: 0; }
.n { text-align: right; } th:last-child, td:last-child { padding-right: 0; }
.good { color: var(--good); } .bad { color: var(--bad); }
.wide { overflow-x: auto; }
.bar { display: inline-block; height: .7rem; min-width: 2px; border-radius: 3px; background: var(--blue); opacity: .75; }
td:has(> .bar) { width: 55%; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1.2rem 1.6rem; }
figure { margin: 0 0 .6rem; } figcaption { font-size: .9rem; font-weight: 600; margin-bottom: .25rem; }
svg { width: 100%; height: auto; display: block; } svg text { font-size: 11.5px; fill: var(--soft); }
.grid { stroke: var(--line); } line.mark { stroke: var(--ink); stroke-dasharray: 4 3; opacity: .55; } text.mark { fill: var(--ink); }
.strip { display: flex; gap: 4px; overflow-x: auto; }
.strip div { flex: 1 1 0; min-width: 5.5rem; max-width: 12rem; }
.strip img { width: 100%; border-radius: 5px; display: block; } small { color: var(--soft); }
pre { font: .82rem/1.45 ui-monospace, "SF Mono", Menlo, Consolas, monospace;
  background: #f6f7f9; padding: .8rem 1rem; border-radius: 6px; overflow-x: auto; }
summary { cursor: pointer; color: var(--blue); margin-top: .6rem; }
@media print { body { background: #fff; } section { break-inside: avoid; } }
"""
