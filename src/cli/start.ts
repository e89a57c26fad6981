#!/usr/bin/env node
/**
 * What the package's `bin` names: says which Node is needed where this one is too old, and starts Holdfast elsewhere.
 *
 * Old Nodes must understand every word here: no import that comes first, and no syntax younger than `import()`.
 */

const oldest = 24;

if (Number(process.versions.node.split('.')[0]) >= oldest) {
  void import('./main.ts');
} else {
  process.stderr.write(
    `holdfast: Node ${process.versions.node} is too old\nhint: Install Node ${oldest} or newer, and start holdfast with it.\n`,
  );
  process.exitCode = 5;
}
