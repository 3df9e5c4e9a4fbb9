"""What the official client of the v2 protocol says to a server: health, a description, inference in every form, an error, and a model let go.

    triton_client.py HOST:PORT MODEL PICTURE MEAN STD

Prints one object of JSON. Needs tritonclient[http] from PyPI.
"""

import json
import sys

import numpy as np
import tritonclient.http as http
from tritonclient.utils import InferenceServerException


def main():
    url, model, picture, mean, std = sys.argv[1:6]
    client = http.InferenceServerClient(url)
    described = client.get_model_metadata(model)
    _, height, width, channels = described["inputs"][1]["shape"]

    def infer(name, datatype, values, **asked):
        given = http.InferInput(name, values.shape, datatype)
        given.set_data_from_numpy(values, binary_data=asked.pop("binary_data", True))
        return client.infer(model, [given], **asked).as_numpy("probabilities")

    with open(picture, "rb") as file:
        encoded = np.array([file.read()], dtype=object)
    outputs = [http.InferRequestedOutput("probabilities", binary_data=False)]
    pixels = np.random.RandomState(0).randint(0, 256, (3, height, width, channels)).astype(np.uint8)
    normalized = ((pixels / 255 - float(mean)) / float(std)).astype(np.float32)
    try:
        infer("pixels", "UINT8", pixels[:, 1:])
        error = None
    except InferenceServerException as refused:
        error = str(refused)
    client.unload_model(model)
    unloaded = client.is_model_ready(model)
    client.load_model(model)
    print(
        json.dumps(
            {
                "live": client.is_server_live(),
                "ready": client.is_server_ready(),
                "described": described["name"],
                "index": client.get_model_repository_index(),
                "encoded": infer("image", "BYTES", encoded).tolist(),
                "encodedJson": infer("image", "BYTES", encoded, outputs=outputs).tolist(),
                "pixels": infer("pixels", "UINT8", pixels).tolist(),
                "pixelsJson": infer("pixels", "UINT8", pixels, binary_data=False, request_id="7").tolist(),
                "normalized": infer("normalized", "FP32", normalized).tolist(),
                "error": error,
                "unloaded": unloaded,
                "loaded": client.is_model_ready(model),
            }
        )
    )


main()
