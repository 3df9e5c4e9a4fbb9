"""The peer of `finch serve`: what one writes with FastAPI and PyTorch. Prints its address.

    torch_server.py MODEL          a name of torch_peer.py
"""

import asyncio
import io
import socket
import sys

import torch
import uvicorn
from fastapi import FastAPI, Request
from PIL import Image

import torch_peer

model, pipeline = torch_peer.build(sys.argv[1])
app = FastAPI()


@torch.inference_mode()
def classify(content):
    picture = pipeline(Image.open(io.BytesIO(content)).convert("RGB"))[None]
    shares, indices = model(picture.to(memory_format=torch.channels_last)).softmax(1).topk(3)
    return {"predictions": [{"index": int(i), "probability": float(p)} for i, p in zip(indices[0], shares[0])]}


@app.post("/v1/classify")
async def answer(request: Request):
    # In a thread, as FastAPI runs handlers that are not async.
    return await asyncio.to_thread(classify, await request.body())


listener = socket.socket()
listener.bind(("127.0.0.1", 0))
print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])
