"""A Starlette application, as it would run anywhere, with mangum around it."""

from mangum import Mangum
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route


async def seen(request):
    return JSONResponse(
        {
            "method": request.method,
            "path": request.url.path,
            "query": request.query_params.multi_items(),
            "cookies": request.cookies,
            "scheme": request.url.scheme,
            "host": request.url.netloc,
            "client": request.client.host,
            "header": request.headers.get("x-list"),
            "text": (await request.body()).decode(),
            "item": request.path_params.get("item"),
            "stage": request.scope["aws.event"]["requestContext"]["stage"],
        }
    )


async def turned(request):
    return Response((await request.body())[::-1], media_type="application/octet-stream")


async def form(request):
    # Two cookies: two header lines of one name.
    answer = PlainTextResponse("signed in", 201)
    answer.set_cookie("session", "s1", httponly=True)
    answer.set_cookie("theme", "dark")
    return answer


async def moved(request):
    return RedirectResponse(request.url_for("seen"), 302)


async def parts(request):
    return StreamingResponse((f"part {number}\n" for number in range(3)), media_type="text/plain")


async def nothing(request):
    return Response(status_code=204)


async def fails(request):
    raise ValueError("nobody catches this")


handler = Mangum(
    Starlette(
        routes=[
            Route("/seen", seen, methods=["GET", "PUT"], name="seen"),
            Route("/items/{item}", seen, methods=["GET"]),
            Route("/turned", turned, methods=["POST"]),
            Route("/form", form, methods=["POST"]),
            Route("/moved", moved),
            Route("/parts", parts),
            Route("/nothing", nothing, methods=["DELETE"]),
            Route("/fails", fails),
        ]
    ),
    lifespan="off",
    api_gateway_base_path="/asgi",
)
