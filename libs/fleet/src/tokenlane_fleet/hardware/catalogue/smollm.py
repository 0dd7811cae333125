"""SmolLM2."""

from tokenlane_fleet.hardware.model import GroupedQuery, Model, Weights

_SIZE = "derived: 2 bytes a parameter, output layer tied to the embeddings"


def _smollm2(
    size: str,
    parameters: float,
    layers: int,
    hidden: int,
    intermediate: int,
    heads: int,
    kv_heads: int,
    source: str = "config.json; parameters derived from it",
) -> Model:
    repo = f"HuggingFaceTB/SmolLM2-{size}-Instruct"
    return Model(
        key=f"smollm2-{size.lower()}",
        repo=repo,
        parameters=parameters,
        active=parameters,
        layers=layers,
        hidden=hidden,
        intermediate=intermediate,
        heads=heads,
        head_dim=64,
        vocabulary=49_152,
        context=8192,
        cache=GroupedQuery(layers=layers, heads=kv_heads, head_dim=64),
        weights=Weights("BF16", 2 * parameters, _SIZE),
        source=source,
    )


ALL = (
    _smollm2("135M", 134.5e6, 30, 576, 1536, 9, 3),
    _smollm2(
        "360M", 361.8e6, 32, 960, 2560, 15, 5, "shape assumed: it adds up to the 362M parameters of the model card"
    ),
    _smollm2("1.7B", 1.711e9, 24, 2048, 8192, 32, 32),
)
