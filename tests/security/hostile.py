"""What people write to break a page. Each does something that a test can see, if it runs."""

from __future__ import annotations

from typing import Final

ELSEWHERE: Final = "evil.test"

STRINGS: Final = (
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(2)>",
    "<script>alert(3)</script>",
    "[click](javascript:alert(4))",
    '<a href="javascript:alert(5)">click</a>',
    f"![picture](https://{ELSEWHERE}/a.png)",
    f"<img src=https://{ELSEWHERE}/b.png>",
    "${alert(6)}",
    "{{alert(7)}}",
    "`${alert(8)}`",
    '"><img src=x onerror=alert(9)>',
    "' onmouseover='alert(10)' x='",
    '<iframe srcdoc="<script>alert(11)</script>"></iframe>',
    f"<style>@import 'https://{ELSEWHERE}/c.css';</style>",
    f"<link rel=stylesheet href=https://{ELSEWHERE}/d.css>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(12)></style>",
    "</textarea></title></style></script><img src=x onerror=alert(13)>",
    "<details open ontoggle=alert(14)>",
    f"<form action=https://{ELSEWHERE}><button>Send</button></form>",
    f"<meta http-equiv=refresh content='0;url=https://{ELSEWHERE}/'>",
    f"<base href=https://{ELSEWHERE}/>",
    f"<object data=https://{ELSEWHERE}/e.swf></object>",
    f"<video src=https://{ELSEWHERE}/f.mp4 autoplay onerror=alert(15)></video>",
    "&lt;img src=x onerror=alert(16)&gt;",
    "&#60;img src=x onerror=alert(17)&#62;",
    "\\u003cimg src=x onerror=alert(18)\\u003e",
    "<details/open/ontoggle='alert`19`'>",
    f'<button data-action="delete" data-value="x" onclick=alert(20)>{ELSEWHERE}</button>',
    "$$\\href{javascript:alert(21)}{x}$$",
    "<x onfocus=alert(22) tabindex=0 autofocus>",
)
ALL: Final = "\n".join(STRINGS)
LINE: Final = " ".join(STRINGS)
SHORT: Final = "<img src=x onerror=alert(23)>${alert(24)}`{{alert(25)}}\"'"
"""For what takes few characters: a name, a tag."""

SHOWN: Final = "onerror=alert("
"""What a person who looks at the page reads, since it was not run."""
