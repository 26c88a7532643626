"""Requests to an ASGI app without a server."""


def run(coroutine):
    """What a coroutine returns that waits for nothing: Playwright's loop may run beside it."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits for something")


def asked(app, path="/", query="", method="GET", **headers):
    """The status, headers and body with which an app answers, names of headers with _ for -."""
    named = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode()}
    messages = []

    async def receive():
        return {"type": "http.request"}

    async def send(message):
        messages.append(message)

    run(app({**scope, "headers": named}, receive, send))
    start, *parts = messages
    body = b"".join(part.get("body", b"") for part in parts)
    return start["status"], dict(start["headers"]), body


def answering(*parts, status=200, is_whole=True, **headers):
    """An app that gives one answer, in parts; the scopes it was asked with are in its `scopes`."""
    scopes = []

    async def app(scope, receive, send):
        scopes.append(scope)
        named = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": named})
        for index, part in enumerate(parts):
            is_last = is_whole and index == len(parts) - 1
            await send({"type": "http.response.body", "body": part, "more_body": not is_last})

    app.scopes = scopes
    return app
