"""Small modules of PyTorch: make.py exports them, and tests/capture/test_torch.py runs them."""

from torch import nn


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.SiLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, groups=8), nn.GroupNorm(4, 16), nn.AdaptiveAvgPool2d(1))
        self.classify = nn.Linear(16, 5)

    def forward(self, pictures):
        return self.classify(self.features(pictures).flatten(1))


class Encoder(nn.Module):
    def __init__(self, words, layers):
        super().__init__()
        self.embed = nn.Embedding(words, 16)
        layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)

    def forward(self, tokens, hidden=None):
        return self.layers(self.embed(tokens), src_key_padding_mask=hidden)


class Lstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.LSTM(6, 8, num_layers=2, bidirectional=True)

    def forward(self, steps, h, c):
        outputs, (h, c) = self.layers(steps, (h, c))
        return outputs, h, c
