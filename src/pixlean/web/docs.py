"""The APIs as a page: each endpoint with its fields, a command to copy, a form to try it; nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

_SCRIPT, _STYLE = (Path(__file__).with_name(name) for name in ("docs.js", "docs.css"))
_AUTH = {
    "bearer": "<code>Authorization: Bearer KEY</code>",
    "basic": "Basic authentication, the key as password (<code>-u api:KEY</code>)",
    "api_key": "<code>X-API-KEY: KEY</code>",
}
_CURL_AUTH = {"bearer": '-H "Authorization: Bearer $KEY"', "basic": '-u "api:$KEY"', "api_key": '-H "X-API-KEY: $KEY"'}


@lru_cache(maxsize=1)
def _script() -> str:
    return _SCRIPT.read_text("utf-8")


@lru_cache(maxsize=1)
def policy() -> str:
    """The page's Content-Security-Policy: its own script and nobody else's, requests to this server only."""
    digest = base64.b64encode(hashlib.sha256(_script().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; connect-src 'self'; "
        "img-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def page(described: Mapping[str, Any]) -> str:
    """An OpenAPI document as HTML."""
    info, tags = described["info"], described["tags"]
    links = "".join(f'<a href="#{tag["name"]}">{html.escape(tag["x-title"])}</a>' for tag in tags)
    parts = [
        f"<h1>pixlean {html.escape(info['version'])}</h1><p>{html.escape(info['description'])}</p><nav>{links}</nav>"
        '<label>Key for requests from this page <input id="key" type="password" autocomplete="off"></label>'
        '<p class="auth">The same as <a href="openapi.json">openapi.json</a>.</p>'
    ]
    for tag in tags:
        parts.append(
            f'<h2 id="{tag["name"]}">{html.escape(tag["x-title"])}</h2><p>{html.escape(tag["description"])}</p>'
        )
        for path, verb, operation in _operations(described, tag["name"]):
            parts.append(_section(path, verb, operation))
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>pixlean: the APIs</title>'
        f"<style>{_STYLE.read_text('utf-8')}</style>"
    )
    body = f"{''.join(parts)}<script>{_script()}</script>"
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>'


def _operations(described: Mapping[str, Any], tag: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, verbs in described["paths"].items():
        for verb, operation in verbs.items():
            if tag in operation["tags"]:
                yield path, verb, operation


def _section(path: str, verb: str, operation: Mapping[str, Any]) -> str:
    auth = _auth(operation)
    contents = operation.get("requestBody", {}).get("content", {})
    rows = "".join(
        f"<tr><td><code>{status}</code></td><td>{html.escape(answer['description'])}</td></tr>"
        for status, answer in operation["responses"].items()
    )
    bodies = "".join(
        f"<p>Body: <code>{kind}</code></p>{_fields(content.get('schema', {}))}" for kind, content in contents.items()
    )
    return (
        f"<section><h3><b>{verb.upper()}</b> <code>{html.escape(path)}</code></h3>"
        f"<p>{html.escape(operation.get('summary', ''))}</p>"
        f'<p class="auth">{"Key: " + _AUTH[auth] if auth else "No key."}</p>{_fields(_as_schema(operation))}{bodies}'
        f'<div class="command"><pre>{html.escape(_command(path, verb, auth, contents))}</pre>'
        '<button type="button" data-copy>copy</button></div>'
        f"<details><summary>Try it</summary>{_form(path, verb, auth, operation, contents)}</details>"
        f'<details><summary>Answers</summary><div class="wide"><table>{rows}</table></div></details></section>'
    )


def _auth(operation: Mapping[str, Any]) -> str:
    """The way a key is shown, empty where none is asked for."""
    return next((way for each in operation.get("security", []) for way in each), "")


def _as_schema(operation: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as the schema of a body, to be shown alike."""
    named = operation.get("parameters", [])
    return {
        "required": [each["name"] for each in named if each.get("required")],
        "properties": {each["name"]: {**each["schema"], "description": f"in the {each['in']}"} for each in named},
    }


def _fields(schema: Mapping[str, Any]) -> str:
    needed = schema.get("required", [])
    rows = "".join(_rows(schema, "", needed))
    head = "<tr><th>field</th><th>type</th><th>default</th><th></th></tr>"
    return f'<div class="wide"><table>{head}{rows}</table></div>' if rows else ""


def _rows(schema: Mapping[str, Any], within: str, needed: list[str]) -> Iterator[str]:
    for name, field in schema.get("properties", {}).items():
        default = json.dumps(field["default"]) if "default" in field else "needed" if name in needed else ""
        yield (
            f"<tr><td><code>{html.escape(within + name)}</code></td><td>{html.escape(_kind(field))}</td>"
            f"<td>{html.escape(default)}</td><td>{html.escape(field.get('description', ''))}</td></tr>"
        )
        yield from _rows(field, f"{within}{name}.", field.get("required", []))


def _kind(field: Mapping[str, Any]) -> str:
    """The type with its range or its words."""
    if "enum" in field:
        return ", ".join("null" if word is None else str(word) for word in field["enum"])
    kind = field.get("type", "")
    shown = " or ".join(kind) if isinstance(kind, list) else str(kind)
    least, above = field.get("minimum"), field.get("exclusiveMinimum")
    most = field.get("maximum")
    if above is not None:
        shown += f" above {above}"
    if least is not None and most is not None:
        return f"{shown} {least} to {most}"
    if least is not None:
        shown += f" from {least}"
    return shown if most is None else f"{shown} to {most}"


def _command(path: str, verb: str, auth: str, contents: Mapping[str, Any]) -> str:
    """One line of curl that works once file and key are there."""
    words = ["curl"]
    if auth:
        words.append(_CURL_AUTH[auth])
    file = _file_field(contents)
    if "multipart/form-data" in contents and file:
        needed = contents["multipart/form-data"]["schema"].get("required", [])
        words += [f"-F {file}=@photo.jpg", *(f"-F {name}=..." for name in needed if name != file)]
    elif "application/json" in contents and contents["application/json"].get("example"):
        words += ['-H "Content-Type: application/json"', f"-d '{json.dumps(contents['application/json']['example'])}'"]
    elif contents:
        words.append("--data-binary @photo.jpg")
    elif verb != "get":
        words.append(f"-X {verb.upper()}")
    return " ".join([*words, f"http://localhost:8080{path}", *(["-o result"] if file or contents else [])])


def _file_field(contents: Mapping[str, Any]) -> str:
    fields = contents.get("multipart/form-data", {}).get("schema", {}).get("properties", {})
    return next((name for name, field in fields.items() if "contentMediaType" in field), "")


def _form(path: str, verb: str, auth: str, operation: Mapping[str, Any], contents: Mapping[str, Any]) -> str:
    parts = [
        f'<label>{html.escape(each["name"])} <input data-part="{html.escape(each["name"])}"></label>'
        for each in operation.get("parameters", []) if each["in"] == "path"
    ]  # fmt: skip
    if "multipart/form-data" in contents:
        body = "form"
        parts += [
            _input(name, field) for name, field in contents["multipart/form-data"]["schema"]["properties"].items()
        ]
    elif "application/json" in contents:
        body = "json"
        example = json.dumps(contents["application/json"].get("example", {}), indent=2)
        parts.append(f'<textarea name="json" aria-label="body">{html.escape(example)}</textarea>')
    elif contents:
        body = "raw"
        parts.append('<label>file <input type="file" name="file"></label>')
    else:
        body = "none"
    attributes = f'data-path="{html.escape(path)}" data-verb="{verb.upper()}" data-auth="{auth}" data-body="{body}"'
    return f'<form {attributes}>{"".join(parts)}<button>send</button><output aria-live="polite"></output></form>'


def _input(name: str, field: Mapping[str, Any]) -> str:
    shown, place = html.escape(name), f'data-field="{html.escape(name)}"'
    if "contentMediaType" in field:
        return f'<label>{shown} <input type="file" {place}></label>'
    words = ["true", "false"] if field.get("type") == "boolean" else [word for word in field.get("enum", []) if word]
    if words:
        options = "".join(f"<option>{html.escape(str(word))}</option>" for word in words)
        return f"<label>{shown} <select {place}><option></option>{options}</select></label>"
    return f"<label>{shown} <input {place}></label>"
