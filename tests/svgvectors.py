"""Hostile drawings: products of what attackers want, where they put it and how they write it."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator
from urllib.parse import quote

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="60" height="60">'
SHAPE = '<rect width="50" height="50" fill="red"/>'
SCRIPT = "top.__ran=1;document.documentElement.setAttribute('pwned','yes');new Image().src='{canary}'"


def vectors(canary: str) -> Iterator[tuple[str, bytes]]:
    """Names and drawings that would run script or load ``canary`` (an ``http:`` URL up to its last slash)."""
    for name, body in (*_scripts(canary), *_loads(canary), *_styles(canary)):
        yield name, f"{HEAD}{body}{SHAPE}</svg>".encode()
    yield from _documents(canary)
    for name, body in (*_scripts(canary), *_loads(canary), *_styles(canary)):
        inner = f"{HEAD}{body}{SHAPE}</svg>".encode()
        for way, url in _embedded(inner):
            yield f"{name} in {way}", f'{HEAD}<image width="50" height="50" href="{url}"/></svg>'.encode()


def _scripts(canary: str) -> Iterator[tuple[str, str]]:
    run = SCRIPT.format(canary=canary + "script")
    xhtml = 'xmlns="http://www.w3.org/1999/xhtml"'
    yield "script", f"<script>{run}</script>"
    yield "script href", f'<script href="{canary}s.js"/><script xlink:href="{canary}t.js"/>'
    yield "script in metadata", f"<metadata><script>{run}</script></metadata>"
    yield "script in title", f"<title><script>{run}</script></title>"
    yield "script in defs in use", f'<foo><g id="a"><script>{run}</script></g></foo><use href="#a"/>'
    yield "xhtml script", f"<script {xhtml}>{run}</script>"
    yield (
        "xhtml script in metadata",
        f"<metadata><s:script {xhtml.replace('xmlns', 'xmlns:s')}>{run}</s:script></metadata>",
    )
    yield (
        "xhtml in editor's",
        f'<i:x xmlns:i="http://www.inkscape.org/namespaces/inkscape"><script>{run}</script></i:x>',
    )
    yield (
        "foreign object",
        f'<foreignObject width="9" height="9"><body {xhtml}><img src="{canary}f" onerror="{run}"/></body></foreignObject>',
    )
    yield "iframe", f'<foreignObject><iframe {xhtml} src="javascript:{run}"/></foreignObject>'
    yield "handler element", f'<handler xmlns:ev="http://www.w3.org/2001/xml-events" ev:event="load">{run}</handler>'
    for event in ("onload", "onLoad", "onbegin", "onend", "onrepeat", "onfocusin", "onerror", "onmouseover", "onclick"):
        yield f"{event} attribute", f'<g {event}="{run}"><rect width="9" height="9" tabindex="1"/></g>'
        yield f"{event} on animate", f'<animate {event}="{run}" attributeName="x" dur="0.01s" repeatCount="2"/>'
        yield f"{event} on image", f'<image {event}="{run}" href="{canary}i.png"/>'
        yield f"{event} set by animation", f'<set attributeName="{event}" to="{run}"/>'
    for scheme in ("javascript:", "JaVaScRiPt:", "java&#9;script:", "java&#10;script:", "&#32;javascript:", "&#160;javascript:",
                   "javascript&#58;", "&amp;#106;avascript:", "vbscript:", "data:text/html,&lt;script>", "data:image/svg+xml,"):  # fmt: skip
        yield f"a {scheme}", f'<a href="{scheme}{run}"><rect width="9" height="9"/></a>'
        yield f"xlink a {scheme}", f'<a xlink:href="{scheme}{run}"><rect width="9" height="9"/></a>'
        yield (
            f"set {scheme}",
            f'<a id="b"><rect width="9" height="9"/><set attributeName="href" to="{scheme}{run}"/></a>',
        )
        yield (
            f"animate {scheme}",
            f'<a><rect width="9" height="9"/><animate attributeName="xlink:href" values="#;{scheme}{run}"/></a>',
        )
        yield (
            f"use {scheme}",
            f'<use href="{scheme}{run}"/><image href="{scheme}{run}"/><feImage href="{scheme}{run}"/>',
        )


def _loads(canary: str) -> Iterator[tuple[str, str]]:
    for element in (
        "image",
        "use",
        "feImage",
        "tref",
        "textPath",
        "linearGradient",
        "pattern",
        "filter",
        "mpath",
        "cursor",
        "animation",
    ):
        for url in (
            f"{canary}{element}.svg#a",
            canary.replace("http:", "") + f"{element}#b",
            f"&#9;{canary}{element}#c",
        ):
            for name in ("href", "xlink:href"):
                yield f"{element} {name} {url[:7]}", f'<{element} width="9" height="9" {name}="{url}"/>'
    yield "base", f'<g xml:base="{canary}"><image href="#x.png" width="9" height="9"/></g>'
    for name in ("fill", "stroke", "filter", "mask", "clip-path", "marker-end", "cursor"):
        for url in (f"url({canary}{name}.svg#a)", f"url({canary}{name}.svg#a", f"url('{canary}{name}.svg#a')", f"u\\72l({canary}{name}#a)",
                    f"URL( {canary}{name}#a )", f"src('{canary}{name}#a')"):  # fmt: skip
            yield f"{name} {url[:5]}", f'<path {name}="{url}" d="M0 0h9v9z"/>'
            yield f"style {name} {url[:5]}", f'<path style="{name}:{url}" d="M0 0h9v9z"/>'
            yield f"set {name} {url[:5]}", f'<rect width="9" height="9"><set attributeName="{name}" to="{url}"/></rect>'


def _styles(canary: str) -> Iterator[tuple[str, str]]:
    rect = "svg,rect,g,text"
    for name, css in (
        ("import", f"@import '{canary}i.css';"), ("import url", f"@import url({canary}u.css);"), ("escaped import", f"@\\69mport '{canary}e.css';"),
        ("import in comment marks", f"<!-- @import '{canary}c.css'; -->"), ("import after charset", f"@charset 'utf-8'; @import '{canary}d.css';"),
        ("import in layer", f"@import url('{canary}l.css') layer(x);"), ("import unclosed", f"@import '{canary}o.css"), ("two imports", f"@@import '{canary}x';@import '{canary}y';"),
        ("font", f"@font-face{{font-family:F;src:url({canary}f.woff2)}} text{{font-family:F}}"),
        ("font among fonts", f"@font-face{{font-family:F;src:local(x),url(data:font/woff2;base64,d09GMg==),url({canary}g.woff2)}} text{{font-family:F}}"),
        ("font fragment", f"@font-face{{font-family:F;src:url('{canary}h.svg#x') format('svg')}} text{{font-family:F}}"),
        ("background", f"{rect}{{background:url({canary}b.png)}}"), ("image-set", f"{rect}{{background:image-set('{canary}s.png' 1x)}}"),
        ("webkit image-set", f"{rect}{{background:-webkit-image-set(url({canary}w.png) 1x)}}"), ("cross-fade", f"{rect}{{background:-webkit-cross-fade(url({canary}k.png),url({canary}j.png),50%)}}"),
        ("variable", f":root{{--u:url({canary}v.png)}} {rect}{{background:var(--u)}}"), ("string variable", f":root{{--u:'{canary}q.png'}} {rect}{{background:image-set(var(--u) 1x)}}"),
        ("unclosed", f"{rect}{{background:url({canary}n.png"), ("unclosed string", f"{rect}{{background:url('{canary}p.png"), ("comment inside", f"{rect}{{background:u/**/rl({canary}m.png);mask:url({canary}mm.svg#a)}}"),
        ("escaped url", f"{rect}{{background:\\75\\72\\6c({canary}r.png)}}"), ("media", f"@media all{{{rect}{{background:url({canary}t.png)}}}}"),
        ("supports", f"@supports (fill:red){{@media all{{{rect}{{background:url({canary}z.png)}}}}}}"), ("keyframes", f"@keyframes k{{from{{background:url({canary}kf.png)}}}} {rect}{{animation:k 1s infinite}}"),
        ("nested", f"svg{{& rect{{background:url({canary}ne.png)}} rect{{mask:url({canary}nf.svg#m)}}}}"), ("list", f"{rect}{{list-style-image:url({canary}li.png);display:list-item}}"), ("content", f"svg::before,text::after{{content:url({canary}co.png)}}"),
        ("bad string", f"{rect}{{fill:'\n';background:url({canary}bs.png)}}"), ("bad url", f"{rect}{{fill:url(a b);background:url({canary}bu.png)}}"), ("stray bracket", f"}} {rect}{{background:url({canary}sb.png)}}"),
        ("behavior", f"{rect}{{behavior:url({canary}h.htc);-moz-binding:url({canary}x.xml#x)}}"), ("namespace", f"@namespace url({canary}ns);{rect}{{background:url({canary}na.png)}}"),
        ("cdata end", f"]]&gt;@import '{canary}ce.css';"), ("property", f"@property --p{{syntax:'*';inherits:false;initial-value:url({canary}pr.png)}} {rect}{{background:var(--p)}}"),
        ("cascade layer", f"@layer a{{{rect}{{background:url({canary}la.png)}}}}"), ("document", f"@document url({canary}){{*{{background:url({canary}do.png)}}}}"), ("container", f"@container (width>0){{{rect}{{background:url({canary}cn.png)}}}}"),
    ):  # fmt: skip
        safe = css.replace("&", "&amp;").replace("&amp;gt;", "&gt;").replace("<", "&lt;")
        yield f"style {name}", f"<style>{safe}</style><text y='20'>x</text>"
        yield (
            f"style {name} in pieces",
            f"<style>{safe[:3]}<!-- x -->{safe[3:9]}<g/>{safe[9:]}</style><text y='20'>x</text>",
        )


def _documents(canary: str) -> Iterator[tuple[str, bytes]]:
    run = SCRIPT.format(canary=canary + "script")
    sheet = f'<?xml-stylesheet type="text/css" href="{canary}pi.css"?>'
    plain = f"{HEAD}{SHAPE}</svg>"
    loud = plain.replace("<rect", f'<g onload="{run}"/><rect')
    padding = "<?p " + "A" * 2100 + "?>"
    for name, text in (
        ("stylesheet", sheet + plain), ("stylesheet after 2000 bytes", padding + sheet + plain), ("stylesheet inside", plain.replace("<rect", sheet + "<rect")),
        ("stylesheet after", plain + sheet), ("stylesheet after a comment", f"<!-- {'-' * 0}>{'x' * 3000} -->" + sheet + plain),
        ("xslt", f'<?xml-stylesheet type="text/xsl" href="{canary}x.xsl"?>' + plain),
        ("attlist", f'<!DOCTYPE svg [<!ATTLIST svg onload CDATA "{run}">]>' + plain), ("attlist fixed", f'<!DOCTYPE svg [<!ATTLIST rect onclick CDATA #FIXED "{run}">]>' + plain),
        ("attlist far", f'<!DOCTYPE svg [<!ATTLIST svg onload CDATA "{run}">]>' + plain.replace("<rect", f"<text>{'>' * 2000}</text><rect")),
        ("entity script", f'<!DOCTYPE svg [<!ENTITY e "<script>{run}</script>">]>' + plain.replace("<rect", "&e;<rect")),
        ("entity attribute", f'<!DOCTYPE svg [<!ENTITY e "javascript:{run}">]>' + plain.replace("<rect", '<a href="&e;"/><rect')),
        ("external entity", f'<!DOCTYPE svg [<!ENTITY e SYSTEM "{canary}ent">]>' + plain.replace("<rect", "<text>&e;</text><rect")),
        ("external subset", f'<!DOCTYPE svg SYSTEM "{canary}dtd">' + plain), ("onload", loud), ("root onload", plain.replace("<svg ", f'<svg onload="{run}" ', 1)),
        ("other prefix", loud.replace("<svg xmlns=", "<s:svg xmlns:s=").replace("</svg>", "</s:svg>").replace("<g", "<s:g")),
    ):  # fmt: skip
        for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1", "utf-7"):
            declaration = f'<?xml version="1.0" encoding="{encoding.replace("utf-8-sig", "utf-8").replace("latin-1", "iso-8859-1")}"?>'
            mark = "\ufeff" if encoding == "utf-16-le" else ""
            yield f"{name} in {encoding}", (mark + declaration + text).encode(encoding)


def _embedded(inner: bytes) -> Iterator[tuple[str, str]]:
    packed = base64.b64encode(inner).decode()
    yield "base64", f"data:image/svg+xml;base64,{packed}"
    yield "percents", f"data:image/svg+xml,{quote(inner)}"
    yield "utf8", f"data:image/svg+xml;utf8,{quote(inner)}"
    yield "another type", f"data:text/html;base64,{packed}"
    yield "no type", f"data:;base64,{packed}"
    yield "gzip", f"data:image/svg+xml;base64,{base64.b64encode(gzip.compress(inner)).decode()}"
