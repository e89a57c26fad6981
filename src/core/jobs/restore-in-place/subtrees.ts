/** Paths that stand for all below them. */
export class Subtrees {
  readonly #roots = new Set<string>();

  add(path: Buffer): void {
    if (!this.cover(path)) this.#roots.add(path.toString('latin1'));
  }

  /** The path itself, not what lies below. */
  has(path: Buffer): boolean {
    return this.#roots.has(path.toString('latin1'));
  }

  cover(path: Buffer): boolean {
    if (this.#roots.size === 0) return false;
    const text = path.toString('latin1');
    for (let end = text.indexOf('/'); end > 0; end = text.indexOf('/', end + 1)) {
      if (this.#roots.has(text.slice(0, end))) return true;
    }
    return this.#roots.has(text);
  }
}
