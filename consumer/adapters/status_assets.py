"""The style sheet and the script of the status page, and the policy that allows these two and nothing else."""

from __future__ import annotations

import base64
import hashlib

STYLE = """
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--ink:#1a1f26;--quiet:#535d69;--rule:#d8dde3;
--good:#17693a;--wait:#7d5400;--act:#b3211c;--plot:#1f5fae}
@media(prefers-color-scheme:dark){:root{--page:#12161b;--card:#1b2129;--ink:#e8ecf1;--quiet:#a5b0bd;--rule:#343d48;
--good:#6fd08c;--wait:#f0bd57;--act:#ff8a80;--plot:#7db4f5}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.45 system-ui,sans-serif}
main,header,footer{max-width:76rem;margin:auto;padding:0 1rem}
header{padding-top:1rem}header,footer,.quiet{color:var(--quiet)}footer{padding-bottom:2rem}
header b{color:var(--ink)}
section{background:var(--card);border:1px solid var(--rule);border-radius:.5rem;padding:1rem;margin:1rem 0}
section.state{padding:0;overflow:hidden}
#state{border-left:.5rem solid var(--tone);padding:1.1rem 1.25rem 1.2rem;
background:color-mix(in srgb,var(--tone) 11%,var(--card))}
h1{font-size:1.625rem;line-height:1.25;margin:0;overflow-wrap:anywhere;text-wrap:balance}
.good{--tone:var(--good)}.wait{--tone:var(--wait)}.act{--tone:var(--act)}
.mark{color:var(--tone)}
p{margin:.4rem 0 0}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(7.25rem,1fr));gap:1rem;margin:0}
dt{color:var(--quiet);font-size:.875rem}dd{margin:0;font-size:1.25rem;font-variant-numeric:tabular-nums}
.plots,.tables{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:1rem}
.plots section,.tables section{margin:0;min-width:0}
figure{margin:0}figcaption{display:flex;justify-content:space-between;gap:1rem;font-weight:600}
figcaption b{white-space:nowrap}
svg{display:block;width:100%;height:7.5rem;border-bottom:1px solid var(--rule);border-top:1px solid var(--rule)}
.line,.limit{fill:none;stroke:var(--plot);stroke-width:2;vector-effect:non-scaling-stroke}
.limit{stroke:var(--act);stroke-dasharray:6 4}.area{fill:var(--plot);opacity:.18}
.grid{stroke:var(--rule);stroke-width:1;vector-effect:non-scaling-stroke}
.axis{display:flex;justify-content:space-between;color:var(--quiet);font-size:.8125rem;margin:0}
.scroll{overflow-x:auto;position:relative}.scroll:focus-visible{outline:2px solid var(--plot);outline-offset:2px}
table{border-collapse:collapse;width:100%;font-size:.9375rem}
caption{text-align:left;font-weight:600;font-size:1.05rem;padding-bottom:.5rem}
caption span{font-weight:400;font-size:.9375rem;margin-left:.5rem}
th,td{text-align:left;vertical-align:top;padding:.35rem 1rem .35rem 0;border-top:1px solid var(--rule)}
th:last-child,td:last-child{padding-right:0}
thead th{border-top:0;color:var(--quiet);font-weight:500;font-size:.875rem;white-space:nowrap}
tbody th{font-weight:500;overflow-wrap:break-word;min-width:6rem}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
small{display:block;color:var(--quiet);font-size:.8125rem;font-weight:400;min-width:8rem;overflow-wrap:anywhere}
@media(min-width:64rem){.tables{grid-template-columns:3fr 2fr}}
@media(max-width:40rem){
h1{font-size:1.375rem}
.blocks,.blocks caption,.blocks tbody{display:block}
.blocks thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.blocks tbody tr{display:grid;grid-template-columns:repeat(3,1fr);gap:.2rem .75rem;padding:.6rem 0;
border-top:1px solid var(--rule)}
.blocks tbody th,.blocks td{border:0;padding:0;min-width:0;overflow-wrap:anywhere}
.blocks tbody th{font-weight:600}caption span{display:block;margin:0}
.blocks tbody th,.blocks .wide{grid-column:1/-1}
.blocks td.n{text-align:left}.blocks .two{grid-column:span 2}
.blocks [data-label]::before{content:attr(data-label);display:block;color:var(--quiet);font-size:.8125rem}
}
a{color:var(--plot)}
#stale{color:var(--act);font-weight:600}
"""

SCRIPT = """
(() => {
  const stale = document.getElementById("stale");
  let seen = new Date();
  async function refresh() {
    if (!document.hidden && getSelection().isCollapsed) {
      try {
        const answer = await fetch(location.href, {cache: "no-store", signal: AbortSignal.timeout(10000)});
        if (!answer.ok) throw new Error(answer.status);
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        document.title = page.title;
        for (const now of document.querySelectorAll("[data-live]")) {
          const next = page.getElementById(now.id);
          if (next && !now.isEqualNode(next)) now.replaceWith(next);
        }
        seen = new Date();
        stale.hidden = true;
      } catch {
        stale.textContent = "No answer since " + seen.toLocaleTimeString() + ": what stands here is old.";
        stale.hidden = false;
      }
    }
    setTimeout(refresh, 5000);
  }
  setTimeout(refresh, 5000);
})();
"""


ICONS = {
    tone: "data:image/svg+xml,%3Csvg xmlns='http%3A%2F%2Fwww.w3.org%2F2000%2Fsvg' viewBox='0 0 16 16'%3E"
    f"%3Cpath fill='%23{colour}' d='{path}'/%3E%3C/svg%3E"
    for tone, colour, path in (
        ("good", "2e9d5b", "M8 1a7 7 0 1 0 .01 0z"),
        ("wait", "c98a10", "M8 0l8 8-8 8-8-8z"),
        ("act", "d8342c", "M8 1l8 14H0z"),
    )
}
"""The icon of the browser's tab, by tone: the shape and colour of the mark beside the state."""


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


POLICY = "; ".join(
    (
        "default-src 'none'",
        f"style-src {_source(STYLE)}",
        f"script-src {_source(SCRIPT)}",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""Content-Security-Policy: the two texts by their hashes, a fetch of the same origin, nothing from elsewhere."""
