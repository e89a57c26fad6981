/**
 * Grows and changes a tree at random: the same seed makes the same changes.
 *
 * What cannot be done to what was picked is left undone; over many steps everything happens.
 */

import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  cpSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { seededRandom } from './seeded-random.ts';

export class RandomTree {
  readonly root: string;
  readonly random: () => number;
  #made = 0;

  constructor(root: string, seed: number) {
    this.root = root;
    this.random = seededRandom(seed);
    mkdirSync(root, { recursive: true });
  }

  below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }

  /** Directories with files in them, to begin with. */
  grow(directories: number, filesEach: number): void {
    for (let i = 0; i < directories; i++) {
      const directory = join(this.pick(this.#list().directories), this.#name('D'));
      mkdirSync(directory);
      for (let j = this.below(filesEach); j > 0; j--) this.#write(join(directory, `file-${j}`));
    }
  }

  change(times: number): void {
    for (let i = 0; i < times; i++) {
      const { directories, files } = this.#list();
      const change = this.pick(changes);
      const file = files.length === 0 ? null : this.pick(files);
      const directory = this.pick(directories);
      const other = directories.length === 1 ? null : this.pick(directories.slice(1));
      try {
        change(this, { directory, other, file });
      } catch (error) {
        if (typeof (error as NodeJS.ErrnoException).errno !== 'number') throw error;
      }
    }
  }

  /** A name that nothing has had, so that order in the index is new each time. */
  #name(kind: string): string {
    return `${this.pick(['', '.', 'a', 'zz', '-', 'ü'])}${kind}${this.#made++}`;
  }

  newPath(directory: string, kind: string): string {
    return join(directory, this.#name(kind));
  }

  #write(path: string): void {
    const size = this.random() < 0.02 ? 1_500_000 : this.below(3000);
    writeFileSync(path, Buffer.alloc(size, `${this.below(50)} content`));
  }

  write(path: string): void {
    this.#write(path);
  }

  #list(): { readonly directories: string[]; readonly files: string[] } {
    const directories = [this.root];
    const files: string[] = [];
    for (let i = 0; i < directories.length; i++) {
      for (const one of readdirSync(directories[i]!, { withFileTypes: true })) {
        (one.isDirectory() ? directories : files).push(join(directories[i]!, one.name));
      }
    }
    return { directories, files };
  }
}

interface Picked {
  readonly directory: string;
  /** Not the root. */
  readonly other: string | null;
  readonly file: string | null;
}

type Change = (tree: RandomTree, picked: Picked) => void;

const onFile =
  (change: (tree: RandomTree, file: string, picked: Picked) => void): Change =>
  (tree, picked) => {
    if (picked.file !== null && lstatSync(picked.file).isFile()) change(tree, picked.file, picked);
  };
const onOther =
  (change: (tree: RandomTree, other: string, picked: Picked) => void): Change =>
  (tree, picked) => {
    if (picked.other !== null) change(tree, picked.other, picked);
  };

const newFile: Change = (tree, { directory }) => tree.write(tree.newPath(directory, 'f'));

const changes: readonly Change[] = [
  newFile,
  newFile,
  newFile,
  onFile((tree, file) => appendFileSync(file, `more ${tree.below(9)}`)),
  onFile((tree, file) => tree.write(file)),
  // Same size and time of change, other content: only the ctime tells.
  onFile((tree, file) => {
    const { size, atime, mtime } = statSync(file);
    writeFileSync(file, Buffer.alloc(size, `${tree.below(1000)}`));
    utimesSync(file, atime, mtime);
  }),
  onFile((tree, file) => chmodSync(file, 0o600 + tree.below(64))),
  onFile((tree, file) => chownSync(file, 1000 + tree.below(3), 2000)),
  onFile((tree, file) => utimesSync(file, 1, tree.below(2_000_000_000))),
  onFile((tree, file, { directory }) => renameSync(file, tree.newPath(directory, 'renamed'))),
  onFile((tree, file, { directory }) => linkSync(file, tree.newPath(directory, 'link'))),
  onFile((tree, file, { directory }) => copyFileSync(file, tree.newPath(directory, 'copy'))),
  onFile((tree, file) => {
    const temporary = tree.newPath(tree.root, 'temporary');
    copyFileSync(file, temporary);
    renameSync(temporary, file);
  }),
  (_, { file }) => file !== null && rmSync(file),
  (_, { file }) => file !== null && rmSync(file),
  // A file becomes a directory, a directory a link, a link a file.
  (tree, { file }) => {
    if (file === null) return;
    rmSync(file);
    mkdirSync(file);
    tree.write(join(file, 'inside'));
  },
  onOther((_, other) => {
    rmSync(other, { recursive: true });
    symlinkSync('somewhere', other);
  }),
  (tree, { file }) => {
    if (file === null || !lstatSync(file).isSymbolicLink()) return;
    rmSync(file);
    tree.write(file);
  },
  (tree, { directory }) => symlinkSync(`target-${tree.below(9)}`, tree.newPath(directory, 's')),
  (tree, { directory }) => {
    const made = tree.newPath(directory, 'd');
    mkdirSync(made);
    for (let i = tree.below(40); i > 0; i--) tree.write(join(made, `g${i}`));
  },
  onOther((tree, other, { directory }) => renameSync(other, tree.newPath(directory, 'moved'))),
  onOther((tree, other, { directory }) => {
    if (`${directory}/`.startsWith(`${other}/`)) return;
    cpSync(other, tree.newPath(directory, 'copied'), { recursive: true, verbatimSymlinks: true });
  }),
  onOther((_, other) => rmSync(other, { recursive: true })),
  onOther((tree, other) => chmodSync(other, 0o700 + tree.below(64))),
  (tree, { file, directory }) => {
    const subject = file !== null && lstatSync(file).isFile() ? file : directory;
    execFileSync('setfattr', ['-n', `user.k${tree.below(3)}`, '-v', `${tree.below(99)}`, subject]);
  },
  (tree, { directory }) => {
    const fd = openSync(tree.newPath(directory, 'sparse'), 'w');
    writeSync(fd, 'data', tree.below(9) * 65536);
    ftruncateSync(fd, 1_000_000);
    closeSync(fd);
  },
];
