"""Files of Keras with small networks of made-up weights, and what Keras says of two pictures: test/artefact/keras-file.test.ts.

KERAS_BACKEND=torch python make_keras.py FOLDER      in a Python with keras 3, torch and h5py
Writes NAME.keras and NAME.h5, and keras.json with the version and the outputs. In keras/3.3 are the files of an older Keras, which does not
write the names of layers beside their weights; the weights are the same.
"""

import json
import pathlib
import sys

import keras
import numpy as np
from keras import layers as L

from lcg import pixels

SIZE = 12


def functional():
    """A model within a model, classes of layers several times, a layer of its own name, batch norm without scale."""
    picture = keras.Input((SIZE, SIZE, 3), name="picture")
    x = L.Rescaling(1 / 127.5, offset=-1)(picture)
    x = L.Conv2D(6, 3, padding="same", use_bias=False)(x)
    x = L.BatchNormalization(scale=False)(x)
    x = L.ReLU()(x)
    inner = [L.Input((SIZE, SIZE, 6)), L.DepthwiseConv2D(3, padding="same"), L.Conv2D(6, 1, activation="relu")]
    x = L.Add()([x, keras.Sequential(inner, name="block")(x)])
    x = L.SeparableConv2D(5, 3, strides=2, name="apart")(x)
    x = L.PReLU(shared_axes=[1, 2])(x)
    x = L.GlobalAveragePooling2D()(x)
    x = L.LayerNormalization()(x)
    x = L.Dropout(0.2)(x)
    return keras.Model(picture, L.Dense(4, activation="softmax", name="said")(x), name="functional")


def sequential():
    """No rescaling, logits, the same class twice."""
    layers = [L.Input((SIZE, SIZE, 3)), L.Conv2D(4, 3, strides=2, activation="relu"), L.Conv2D(4, 3, activation="relu"), L.Flatten(), L.Dense(3)]
    return keras.Sequential(layers, name="sequential")


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    random = np.random.RandomState(7)
    pictures = np.stack([pixels(f"keras {i}", SIZE, SIZE) for i in range(2)]).astype("float32")
    answers = {}
    for make in (functional, sequential):
        model = make()
        for weight in model.weights:
            if not weight.dtype.startswith("float"):
                continue
            spread = random.rand(*weight.shape) + 0.5 if "variance" in weight.path or "gamma" in weight.path else random.randn(*weight.shape) * 0.4
            weight.assign(spread.astype("float32"))
        for ending in ("keras", "h5"):
            model.save(folder / f"{model.name}.{ending}")
        # What finch is told by flags where the network does not rescale: mean 0, deviation 1.
        given = pictures if model.name == "functional" else pictures / 255
        answers[model.name] = model.predict(given, verbose=0).tolist()
    (folder / "keras.json").write_text(json.dumps({"keras": keras.__version__, "size": SIZE, "answers": answers}) + "\n")


main()
