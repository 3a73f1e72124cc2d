"""URLs that no server may connect to, however they are written."""

from __future__ import annotations

NEVER = [
    "https://127.0.0.1/", "https://2130706433/", "https://0x7f000001/", "https://017700000001/", "https://0177.0.0.1/",
    "https://127.1/", "https://127.0.0.1./", "https://0.0.0.0/", "https://0/", "https://169.254.169.254/latest/",
    "https://100.64.0.1/", "https://192.168.1.1/", "https://198.18.0.1/", "https://224.0.0.1/", "https://255.255.255.255/",
    "https://[::1]/", "https://[::]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[::127.0.0.1]/",
    "https://[64:ff9b::127.0.0.1]/", "https://[64:ff9b:1::127.0.0.1]/", "https://[2002:7f00:1::1]/",
    "https://[2001:0:4136:e378:8000:63bf:80ff:fffe]/", "https://[::ffff:0:127.0.0.1]/", "https://[fe80::5efe:127.0.0.1]/",
    "https://[2606:4700::5efe:127.0.0.1]/", "https://[fd00::1]/", "https://[fe80::1%25eth0]/", "https://[ff02::1]/",
    "https://[2001:db8::1]/", "https://[100::1]/", "https://[3fff::1]/", "https://[5f00::1]/", "https://localhost/",
    "https://LOCALHOST./", "https://ip6-localhost/", "https://127。0。0。1/", "https://１２７.0.0.1/", "https://%3127.0.0.1/",
    "http://example.com/", "file:///etc/passwd", "gopher://127.0.0.1:6379/_X", "ftp://127.0.0.1/", "data:image/png,A", "//127.0.0.1/",
    "https:/127.0.0.1/", "https:127.0.0.1/", "\thttps://127.0.0.1/", "https://a@127.0.0.1/", "https://127.0.0.1@example.com/",
    "https://example.com\\@127.0.0.1/", "https://[::1", "https://[127.0.0.1]/", "https:///", "https://", "", "https://example.com:22/",
    "https://example.com:6379/", "https://example.com:0/", "https://example.com:65536/", "https://example.com:-1/",
    "https://example.com/\r\nX: 1", "https://example.com/%0d%0aX:1", f"https://{'a' * 64}.com/", f"https://{'a.' * 130}com/",
    f"https://example.com/{'a' * 5000}",
]  # fmt: skip
