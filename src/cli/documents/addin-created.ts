/** `addin create --json`. */

import type { FromSchema } from 'json-schema-to-ts';
import { choice, document, text, texts } from './schema.ts';

export const addinCreatedDocument = document(
  'addin-created',
  'The package that was written for a new addin.',
  {
    kind: choice('What it contributes.', 'store', 'provider', 'notifier', 'scope'),
    name: text('What `use` will say.'),
    package: text('Name of the package.'),
    directory: text('Where it was written.'),
    sdk: text('Version of Holdfast that it is developed with.'),
    files: texts('What was written, from its directory.'),
  },
);

export type AddinCreatedDocument = FromSchema<typeof addinCreatedDocument>;
