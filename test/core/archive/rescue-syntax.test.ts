import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const rescue = fileURLToPath(new URL('../../../src/core/archive/rescue.py', import.meta.url));
const python = (program: string) => execFileSync('python3', ['-c', program, rescue], { encoding: 'utf8' });

describe('rescue.py', () => {
  it('parses with the grammar of Python 3.6', () => {
    const program =
      'import ast, sys; ast.parse(open(sys.argv[1], encoding="utf-8").read(), feature_version=(3, 6))';

    expect(() => python(program)).not.toThrow();
  });

  it('imports nothing outside the standard library', () => {
    const foreign = python(`
import ast, sys
tree = ast.parse(open(sys.argv[1], encoding='utf-8').read())
names = [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
names += [n.module or '.' for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
print(' '.join(n for n in names if n.split('.')[0] not in sys.stdlib_module_names), end='')
`);

    expect(foreign).toBe('');
  });

  it('consists of ASCII, so that it survives any terminal, editor and locale', () => {
    const program = "import sys; print(open(sys.argv[1], 'rb').read().isascii())";

    expect(python(program).trim()).toBe('True');
  });
});
