"""PyTorch: training steps and forward passes, in its default layout and channels last; the faster of the two is measured.

Reads one question a line and answers in one (measure/protocol.ts). The net comes as striate's own JSON and is built from
PyTorch's modules, one for each layer; its weights come as a file in striate's layouts.
"""
import json
import sys
import time

import numpy
import torch
import torch.nn as nn
import torch.nn.functional as F

# As `training` in contender.ts.
LEARNING_RATE = 0.01
MOMENTUM = 0.9
VERIFIED_STEPS = 2

# As ChangingInput in random.ts: windows over one array, 64 bytes apart.
WINDOWS = 61
WINDOW_STEP = 16

torch.set_num_interop_threads(1)
torch.set_flush_denormal(True)


def pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


def sides(padding):
    """[[top, bottom], [left, right]] of a padding as a net's JSON has it."""
    if padding == "valid":
        return [[0, 0], [0, 0]]
    if isinstance(padding, str):
        raise ValueError(f"padding {padding} is not converted")
    height, width = pair(padding) if isinstance(padding, int) else padding
    return [[height, height], [width, width]] if isinstance(height, int) else [height, width]


class Pool(nn.Module):
    """Max or average pooling; where the padding differs from side to side it is written first."""

    def __init__(self, kind, options):
        super().__init__()
        (top, bottom), (left, right) = sides(options["padding"])
        even = top == bottom and left == right
        self.border = None if even else (left, right, top, bottom)
        size = pair(options["size"])
        common = {
            "kernel_size": size,
            "stride": pair(options.get("stride", size)),
            "padding": (top, left) if even else 0,
            "ceil_mode": options["rounding"] == "ceil",
        }
        if kind == "avgPool2d":
            if not even:
                raise ValueError("an average over uneven padding is not converted")
            self.pool = nn.AvgPool2d(**common, count_include_pad=options["countIncludePad"])
        else:
            self.pool = nn.MaxPool2d(**common)

    def forward(self, x):
        return self.pool(x if self.border is None else F.pad(x, self.border, value=float("-inf")))


def convolution(options, weight, bias, depthwise):
    """@param weight [kh, kw, in / groups, out]"""
    (top, bottom), (left, right) = sides(options["padding"])
    if top != bottom or left != right:
        raise ValueError("a convolution with uneven padding is not converted")
    _, _, per_group, filters = weight.shape
    groups = filters if depthwise else options["groups"]
    if depthwise and options["depthMultiplier"] != 1:
        raise ValueError("a depth multiplier is not converted")
    layer = nn.Conv2d(
        per_group * groups,
        filters,
        weight.shape[:2],
        stride=pair(options["stride"]),
        padding=(top, left),
        dilation=pair(options["dilation"]),
        groups=groups,
        bias=bias is not None,
    )
    layer.weight.data = weight.permute(3, 2, 0, 1).contiguous()
    if bias is not None:
        layer.bias.data = bias
    return layer


def dense(weight, bias, image):
    """@param weight [in, out]; `in` counts an image's channels fastest. @param image [channels, height, width], if it was one"""
    features, units = weight.shape
    layer = nn.Linear(features, units, bias=bias is not None)
    if image is not None:
        channels, height, width = image
        weight = weight.reshape(height, width, channels, units).permute(2, 0, 1, 3).reshape(features, units)
    layer.weight.data = weight.t().contiguous()
    if bias is not None:
        layer.bias.data = bias
    return layer


def batch_norm(options, gamma, beta, mean, variance):
    layer = nn.BatchNorm2d(gamma.numel(), eps=options["epsilon"], momentum=options["momentum"])
    layer.weight.data, layer.bias.data = gamma, beta
    layer.running_mean, layer.running_var = mean, variance
    return layer


class Net(nn.Module):
    """@param graph as net.toJSON() has it. @param tensors by name. @param image the shape of one input, channels last"""

    def __init__(self, graph, tensors, image):
        super().__init__()
        self.layers = nn.ModuleDict()
        self.steps = []
        readers = {}
        for record in graph["layers"]:
            for name in record["inputs"]:
                readers[name] = readers.get(name, 0) + 1
        values = {}
        for record in graph["layers"]:
            name, kind, inputs = record["name"], record["type"], record["inputs"]
            if kind == "input":
                self.first = name
                height, width, channels = image
                values[name] = torch.zeros(2, channels, height, width)
                continue
            step = self.step(record, tensors, values, all(readers[each] == 1 for each in inputs))
            self.steps.append((name, step, inputs))
            # Sizes are learned by running it: what a dense layer behind a flatten was before, above all.
            with torch.no_grad():
                values[name] = step(*(values[each].clone() for each in inputs))
            self.last = name
            self.flat_from = inputs[0] if kind == "flatten" else None

    def step(self, record, tensors, values, own):
        """@param own whether nobody else reads the inputs, so that they may be overwritten"""
        name, kind, options, inputs = record["name"], record["type"], record["options"], record["inputs"]
        get = lambda part: None if f"{name}.{part}" not in tensors else tensors[f"{name}.{part}"].clone()
        if kind in ("conv2d", "depthwiseConv2d"):
            return self.keep(name, convolution(options, get("weight"), get("bias"), kind == "depthwiseConv2d"))
        if kind == "dense":
            source = getattr(self, "flat_from", None)
            image = None if source is None or values[source].dim() != 4 else values[source].shape[1:]
            return self.keep(name, dense(get("weight"), get("bias"), image))
        if kind == "batchNorm":
            parts = [get(part) for part in ("gamma", "beta", "runningMean", "runningVariance")]
            layer = self.keep(name, batch_norm(options, *parts))
            # Not yet: the run that learns the sizes must not move the statistics.
            return layer.eval()
        if kind in ("maxPool2d", "avgPool2d"):
            return self.keep(name, Pool(kind, options))
        if kind == "relu":
            return lambda x: F.relu(x, inplace=own)
        if kind == "relu6":
            return lambda x: F.relu6(x, inplace=own)
        if kind == "dropout":
            return self.keep(name, nn.Dropout(options["rate"]))
        if kind == "flatten":
            return lambda x: torch.flatten(x, 1)
        if kind == "globalAvgPool2d":
            return lambda x: torch.flatten(F.adaptive_avg_pool2d(x, 1), 1)
        if kind == "add":
            return lambda x, *rest: sum(rest, x)
        if kind == "concat":
            return lambda *parts: torch.cat(parts, 1)
        raise ValueError(f"no counterpart for the layer type {kind} ({name})")

    def keep(self, name, layer):
        self.layers[name.replace(".", "_")] = layer
        return layer

    def forward(self, x):
        values = {self.first: x}
        for name, step, inputs in self.steps:
            values[name] = step(*(values[each] for each in inputs))
        return values[self.last]


def read_tensors(weights):
    data = numpy.fromfile(weights["file"], dtype="<f4")
    tensors, at = {}, 0
    for tensor in weights["tensors"]:
        size = int(numpy.prod(tensor["shape"]))
        tensors[tensor["name"]] = torch.from_numpy(data[at : at + size].copy()).reshape(tensor["shape"])
        at += size
    return tensors


class Contender:
    """One work: a net, and what a call of it is."""

    def __init__(self, question):
        work = question["work"]
        self.trains = work["kind"] == "train"
        self.shape = (work["batch"], *work["model"]["input"])
        self.files = question["files"]
        self.tensors = read_tensors(self.files["weights"])
        self.bank = torch.rand(int(numpy.prod(self.shape)) + WINDOWS * WINDOW_STEP) * 2 - 1
        self.labels = torch.randint(0, work["model"]["classes"], (work["batch"] + WINDOWS * WINDOW_STEP,))
        self.position = 0
        torch.set_num_threads(question["threads"])
        times = {channels_last: self.probe(channels_last) for channels_last in (False, True)}
        self.load(times[True] < times[False])

    def load(self, channels_last):
        self.channels_last = channels_last
        net = Net(self.files["weights"]["graph"], self.tensors, self.shape[1:])
        net.train(self.trains)
        self.net = net.to(memory_format=torch.channels_last) if channels_last else net
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM)

    def probe(self, channels_last):
        """The least time of a few calls, on a net of its own."""
        self.load(channels_last)
        end = time.perf_counter() + 0.2
        times = []
        while len(times) < 2 or (time.perf_counter() < end and len(times) < 20):
            inputs = self.next()
            start = time.perf_counter()
            self.call(*inputs)
            times.append(time.perf_counter() - start)
        return min(times)

    def images(self, values):
        """Images as striate has them, channels last; in the layout of the net."""
        x = values.view(self.shape).permute(0, 3, 1, 2)
        return x if self.channels_last else x.contiguous()

    def next(self):
        self.position = (self.position + 1) % WINDOWS
        start = self.position * WINDOW_STEP
        size = int(numpy.prod(self.shape))
        return self.images(self.bank[start : start + size]), self.labels[start : start + self.shape[0]]

    def call(self, x, labels):
        if not self.trains:
            with torch.inference_mode():
                return self.net(x)
        self.optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(self.net(x), labels)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def verify(self):
        read = lambda i, kind: torch.from_numpy(numpy.fromfile(self.files["inputs"][i], dtype=kind))
        x = self.images(read(0, "<f4"))
        if self.trains:
            labels = read(1, "<i4").long()
            return torch.tensor([self.call(x, labels) for _ in range(VERIFIED_STEPS)])
        y = self.call(x, None)
        return (y.permute(0, 2, 3, 1) if y.dim() == 4 else y).flatten()

    def measure(self, milliseconds):
        times = []
        begin = time.perf_counter()
        end = begin + milliseconds / 1000
        while True:
            inputs = self.next()
            start = time.perf_counter()
            self.call(*inputs)
            times.append((time.perf_counter() - start) * 1000)
            # As timeCalls.ts: the first call wakes caches and threads; it counts only where it took all the time there was.
            if time.perf_counter() >= end and (len(times) > 1 or times[0] >= milliseconds):
                return times[1:] if len(times) > 1 else times

    def description(self):
        layout = "channels last" if self.channels_last else "default layout"
        return f"PyTorch {torch.__version__}, {layout}"


opened = {}


def respond(question):
    key = question["key"]
    if question["name"] == "open":
        opened[key] = Contender(question)
        return {"description": opened[key].description()}
    if question["name"] == "verify":
        values = opened[key].verify()
        return [values[i].item() for i in question["indices"]]
    if question["name"] == "measure":
        torch.set_num_threads(question["threads"])
        return opened[key].measure(question["milliseconds"])
    if question["name"] == "close":
        del opened[key]
        return None
    raise ValueError(f"there is no question {question['name']}")


for line in sys.stdin:
    try:
        reply = {"answer": respond(json.loads(line))}
    except Exception as error:  # the bench prints it and goes on
        reply = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(reply), flush=True)
