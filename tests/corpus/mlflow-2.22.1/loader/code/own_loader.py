import json


class Scaled:
    def __init__(self, factor):
        self.factor = factor

    def predict(self, data):
        return (data["a"] * self.factor).tolist()


def _load_pyfunc(path):
    with open(path) as file:
        return Scaled(json.load(file)["factor"])
