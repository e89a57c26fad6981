/** What an addin package asks for: the part of its manifest that an administrator reads first. */

import type { FromSchema } from 'json-schema-to-ts';

export const permissionsSchema = {
  type: 'object',
  additionalProperties: false,
  default: {},
  description: 'What it asks for. What is not asked for is not given, where the host can withhold it.',
  examples: [{ network: true }],
  properties: {
    network: {
      description:
        'false: none; true: whatever its settings name; a list: these hosts and ports alone, as it says.',
      default: false,
      examples: [true, ['api.example.com:443']],
      anyOf: [
        { type: 'boolean' },
        {
          type: 'array',
          minItems: 1,
          maxItems: 100,
          items: { type: 'string', pattern: '^[A-Za-z0-9.*_-]+:[0-9]{1,5}$' },
        },
      ],
    },
    programs: {
      type: 'array',
      maxItems: 100,
      items: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._+-]*$|^/[^\\u0000]+$' },
      default: [],
      description: 'Programs that it starts.',
      examples: [['rclone']],
    },
    paths: {
      type: 'array',
      maxItems: 100,
      items: { type: 'string', pattern: '^/[^\\u0000]*$' },
      default: [],
      description:
        'Files and directories outside its package that it needs, besides those its settings name.',
      examples: [['/etc/ssl/certs']],
    },
  },
} as const;

export type Permissions = FromSchema<typeof permissionsSchema>;
