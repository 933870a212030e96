"""Commands on model versions."""

import click

from ctnlp.cli.options import head_argument, json_option, models_option, version_option

__all__ = ["models"]


@click.group()
def models() -> None:
    """List, show, verify, promote, roll back and export model versions."""


@models.command("list")
@models_option
def models_list(root: str | None) -> None:
    """List all versions; a star marks the one in use."""
    from ctnlp import registry

    for head in registry.heads(root):
        used = registry.current(head, root)
        for version in registry.versions(head, root):
            click.echo(f"{'*' if version == used else ' '} {head:<10} {version}")


@models.command("show")
@head_argument
@version_option
@json_option
@models_option
def models_show(head: str, version: str, as_json: bool, root: str | None) -> None:
    """Show the card of a version, or its manifest with --json."""
    from ctnlp import card, registry
    from ctnlp.manifest import to_json
    from ctnlp.taxonomy import default

    manifest = registry.read_manifest(head, version, root)
    click.echo(to_json(manifest) if as_json else card.render(manifest, default().head(head)), nl=False)


@models.command("verify")
@models_option
def models_verify(root: str | None) -> None:
    """Check every file of every version against its manifest."""
    from ctnlp import registry

    for head in registry.heads(root):
        for version in registry.versions(head, root):
            registry.verify(head, version, root)
            click.echo(f"ok {head} {version}")


@models.command("promote")
@head_argument
@click.argument("version", required=False)
@models_option
def models_promote(head: str, version: str | None, root: str | None) -> None:
    """Put VERSION of HEAD in use; without VERSION, the newest."""
    from ctnlp import registry

    newest = [*registry.versions(head, root), ""][-2:][0] if registry.versions(head, root) else "none"
    click.echo(f"{head} {registry.promote(head, version or newest, root)} is in use")


@models.command("rollback")
@head_argument
@models_option
def models_rollback(head: str, root: str | None) -> None:
    """Put the version of HEAD in use again that was used before."""
    from ctnlp import registry

    click.echo(f"{head} {registry.rollback(head, root)} is in use")


@models.command("export")
@head_argument
@click.argument("path", type=click.Path(dir_okay=False))
@click.option(
    "--format", "kind", type=click.Choice(["joblib"]), default="joblib", show_default=True, help="Format of the file."
)
@version_option
@models_option
def models_export(head: str, path: str, kind: str, version: str, root: str | None) -> None:
    """Write HEAD as a scikit-learn Pipeline to PATH."""
    from ctnlp import registry

    click.echo(registry.export(head, path, version, root))
