/**
 * Which paths of a tree are captured: exclusions, and inclusions for trees that name what they want.
 *
 * Patterns are relative to the tree's root; `*` and `?` match inside one component, nothing matches a
 * slash. Paths are latin1 byte strings, as the walk holds them; patterns are text and compared as UTF-8.
 */

export type Verdict =
  /** Captured, with what lies below. */
  | 'take'
  /** A directory on the way to something included. */
  | 'pass'
  /** A directory's entry is kept, its contents are not; anything else is left out. */
  | 'leave-out'
  /** Not there as far as the snapshot is concerned. */
  | 'skip';

type Pattern = readonly RegExp[];

function compile(pattern: string): Pattern {
  const bytes = Buffer.from(pattern).toString('latin1');
  return bytes
    .split('/')
    .filter((part) => part !== '')
    .map((part) => {
      const source = part
        .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
        .replaceAll('*', '[^]*')
        .replaceAll('?', '[^]');
      return new RegExp(`^${source}$`);
    });
}

export class PathFilter {
  readonly #exclude: readonly Pattern[];
  readonly #include: readonly Pattern[] | null;
  readonly #deepest: number;

  constructor(exclude: readonly string[], include: readonly string[] | undefined) {
    this.#exclude = exclude.map(compile);
    this.#include = include === undefined ? null : include.map(compile);
    this.#deepest = Math.max(0, ...this.#exclude.map((pattern) => pattern.length));
  }

  /** True where `judge` would say `take` of every path with so many components. */
  takesAllAt(depth: number): boolean {
    return this.#include === null && depth > this.#deepest;
  }

  /** `path` is relative to the root and not empty; `depth` is its number of components. */
  judge(path: string, depth: number): Verdict {
    if (this.takesAllAt(depth)) return 'take';
    const parts = path.split('/');
    if (this.#exclude.some((pattern) => pattern.length === depth && matches(pattern, parts)))
      return 'leave-out';
    if (this.#include === null) return 'take';
    let verdict: Verdict = 'skip';
    for (const pattern of this.#include) {
      if (pattern.length <= depth && matches(pattern, parts)) return 'take';
      if (pattern.length > depth && matches(pattern.slice(0, depth), parts)) verdict = 'pass';
    }
    return verdict;
  }
}

/** The pattern against as many leading components as it has. */
function matches(pattern: Pattern, parts: readonly string[]): boolean {
  return pattern.every((component, i) => component.test(parts[i] ?? ''));
}
