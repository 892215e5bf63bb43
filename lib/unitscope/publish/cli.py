"""The command line: `unitscope run`, `unitscope sweep`, `unitscope book`, `unitscope zoo`.

What the library raises as a caller's mistake is printed as one message and ends with status 1.
"""

from __future__ import annotations

import math
import sys
from typing import Annotated

import typer
from tqdm import tqdm

from unitscope.errors import UnitscopeError
from unitscope.publish import book as pages
from unitscope.publish.faults import in_words
from unitscope.publish.one_page import render_run
from unitscope.publish.processes import end_on
from unitscope.publish.recorded import check_name
from unitscope.publish.recording import record as record_run
from unitscope.publish.run import DEFAULT_PRESET, gather_claims, keep_claims, plan
from unitscope.publish.run import run as run_planned
from unitscope.publish.sources import find_root

app = typer.Typer(
    help="Papers on single units of vision networks, as a book that runs.", no_args_is_help=True, add_completion=False,
    pretty_exceptions_enable=False,
)  # fmt: skip
zoo = typer.Typer(
    help="The embedded networks: list, train, verify; official generators: convert.", no_args_is_help=True
)
app.add_typer(zoo, name="zoo")

Preset = Annotated[str, typer.Option("--preset", help="A file in book/presets, without its ending.")]
Force = Annotated[bool, typer.Option("--force", help="Execute even where nothing changed.")]


@app.command("run")
def run_chapter(
    chapter: Annotated[str, typer.Argument(help="A notebook in book/, without its ending.")],
    preset: Preset = DEFAULT_PRESET,
    parameter: Annotated[list[str] | None, typer.Option("-p", help="name=value; wins over the preset.")] = None,
    record: Annotated[str, typer.Option(help="Keep claims and figures under book/recorded/CHAPTER/NAME.")] = "",
    force: Force = False,
    html: Annotated[bool, typer.Option("--html", help="Render the run to a page, and print its link.")] = False,
) -> None:
    """Execute one chapter, if anything that it is made of changed."""
    root = find_root()
    if record:
        check_name(record)
    finished = run_planned(plan(root, chapter, preset, parameter or ()), force, tell=typer.echo)
    done = f"executed in {finished.seconds:.0f} s" if finished.executed else "unchanged"
    typer.echo(f"{finished.chapter}: {done}, {len(finished.claims)} claims\n{finished.notebook}")
    typer.echo(keep_claims(finished) if parameter else gather_claims(root, preset))
    if record:
        typer.echo(record_run(root, finished, record))
    if html:
        typer.echo("rendering the page")
        typer.echo(render_run(root, finished, preset, typer.echo).as_uri())


@app.command("book")
def build_book(
    preset: Preset = DEFAULT_PRESET,
    force: Force = False,
    jobs: Annotated[
        int | None, typer.Option("-j", help="Chapters side by side; by default as cores and memory allow.", min=1)
    ] = None,
) -> None:
    """Execute the chapters that changed, render the book, and print the page to open."""
    typer.echo(pages.build_book(find_root(), preset, typer.echo, force, jobs))


@app.command("sweep")
def run_sweep(
    sweep: Annotated[str, typer.Argument(help="A file, or the name of one in book/sweeps.")],
    scheduler: Annotated[str, typer.Option(help="Address of a dask scheduler; else processes of this machine.")] = "",
    jobs: Annotated[int | None, typer.Option("-j", help="Cells side by side on this machine.", min=1)] = None,
    shard: Annotated[str, typer.Option(help="i/n: only every n-th cell, from the i-th of 1..n on.")] = "1/1",
    record: Annotated[bool, typer.Option("--record", help="Keep the results under book/sweeps.")] = False,
) -> None:
    """Run a chapter over a grid of models, layers and seeds; status 1 if a cell failed."""
    from unitscope.publish import sweep as grid  # pandas is slow to import: only where it is needed

    root = find_root()
    asked = grid.read_sweep(root, sweep)
    found = grid.run_sweep(root, asked, scheduler, jobs, share(shard), lambda line: tqdm.write(line, file=sys.stdout))
    typer.echo(asked.folder(root) / "results.csv")
    if record:
        typer.echo(grid.keep(root, asked))
    raise typer.Exit(any(cell["state"] == "failed" for cell in found))


def share(text: str) -> tuple[int, int]:
    """ "i/n" with i in 1..n as (i - 1, n)."""
    number, _, amount = text.partition("/")
    if not (number.isdecimal() and amount.isdecimal() and 1 <= int(number) <= int(amount)):
        raise UnitscopeError(f"--shard takes i/n with i from 1 to n, as in 2/8, got {text!r}.")
    return int(number) - 1, int(amount)


@zoo.command("list")
def list_networks() -> None:
    """The embedded networks and generators: parameters, size of the weight file, figures of merit, state."""
    from unitscope.models.zoo import list_generators, list_zoo  # torch is slow to import: only where it is needed

    for network in [*list_zoo(), *list_generators()]:
        typer.echo(line(network))


@zoo.command("verify")
def verify_networks() -> None:
    """Check every weight file against the hash in its card; status 1 if one is missing or broken."""
    from unitscope.models.zoo import verify, verify_generators

    networks = [
        *verify(),
        *(one for one in verify_generators() if one.status != "missing"),
    ]  # not trained is not broken
    for network in networks:
        typer.echo(line(network))
    raise typer.Exit(any(network.status != "ready" for network in networks))


@zoo.command("train")
def train_network(
    name: Annotated[str, typer.Argument(help="A name from `unitscope zoo list`.")],
    images: Annotated[int | None, typer.Option(help="Pictures to show; by default what two cores can afford.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
    root: Annotated[
        str | None, typer.Option(help="Folder of the data set, for cifar10/resnet and imagenette/stylegan.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Processor threads; torch's own choice by default.")] = None,
    stop_after: Annotated[float, typer.Option(help="Seconds after which to leave with a checkpoint.")] = math.inf,
) -> None:
    """Train an embedded network by its recipe; the same command goes on where an earlier one was stopped."""
    from unitscope.training import train

    result = train(name, images=images, device=device, root=root, threads=threads, stop_after=stop_after)
    typer.echo(f"{name}: {figures(result['metrics'])}" if "metrics" in result else f"{name}: not finished yet")


@zoo.command("export")
def export_network(
    name: Annotated[str, typer.Argument(help="A network whose training has left a checkpoint.")],
    device: Annotated[str, typer.Option(help="Where the training would go on: auto, cpu, cuda, ...")] = "auto",
    root: Annotated[
        str | None, typer.Option(help="Folder of the data set, for cifar10/resnet and imagenette/stylegan.")
    ] = None,
) -> None:
    """Write weights and card from the checkpoint of a training, finished or not; the card says how many pictures it
    saw.
    """
    from unitscope.training import export_checkpoint

    typer.echo(f"{name}: {figures(export_checkpoint(name, device=device, root=root)['metrics'])}")


@zoo.command("judge")
def judge_generator(
    name: Annotated[str, typer.Argument(help="A generator of photographs, such as imagenette/stylegan.")],
    root: Annotated[str, typer.Option(help="Folder of the photographs, with train/ and val/.")],
    samples: Annotated[int, typer.Option(help="Pictures to draw for each truncation.")] = 10_000,
    squeezenet: Annotated[
        str | None, typer.Option(help="Weight file of torchvision's squeezenet1_0, ImageNet-trained.")
    ] = None,
    deep: Annotated[bool, typer.Option(help="Whether VGG judges too, which takes most of the time.")] = True,
) -> None:
    """Judge a shipped generator of photographs by networks that took no part in its training; the card keeps the
    figures.
    """
    from unitscope.training import judge_photographs

    typer.echo(f"{name}: {figures(judge_photographs(name, root, samples, squeezenet, deep))}")


@zoo.command("convert")
def convert_checkpoint(
    source: Annotated[
        str, typer.Argument(help="An official checkpoint of StyleGAN2, StyleGAN3, StyleGAN-XL or FastGAN (.pkl).")
    ],
    target: Annotated[str, typer.Argument(help="The file to write (.safetensors).")],
) -> None:
    """Write an official generator as safetensors, without its pickle: load_generator("stylegan:TARGET") gives the
    same.
    """
    from unitscope.models.generators.official import convert

    found = convert(source, target)
    typer.echo(f"{target}: {found.config['family']}, {found.config['img_resolution']} px, {len(found.tensors)} tensors")


def line(network) -> str:
    """One network of the zoo as a line of a table."""
    size = f"{network.size / 2**20:5.1f} MB" if network.size else "       -"
    note = f"({network.note}) " if network.note else ""
    return (
        f"{network.name:22} {network.parameters / 1e6:5.2f} M {size}  {network.status:8}"
        f" {note}{figures(network.metrics)}"
    )


def figures(metrics: dict[str, float]) -> str:
    """Figures of merit in one line."""
    return ", ".join(f"{name} {value:.3g}" for name, value in metrics.items())


def main() -> None:
    """The console script."""
    end_on("SIGTERM", "SIGHUP")
    try:
        app()
    except UnitscopeError as error:
        sys.exit(f"unitscope: {error}")
    except (OSError, MemoryError) as error:
        sys.exit(f"unitscope: {in_words(error)}")


if __name__ == "__main__":
    main()
