/** The part of the schema of `config.json` that is about addin packages. */

/** Properties of `config.json`. */
export const packageProperties = {
  addins: {
    type: 'array',
    maxItems: 100,
    uniqueItems: true,
    default: [],
    description:
      'Addin packages to use besides the built-in addins: npm names, looked for in node_modules beside this file and where Holdfast is installed, or absolute paths of directories.',
    examples: [['holdfast-webdav', '/opt/holdfast-pager']],
    items: {
      type: 'string',
      maxLength: 1000,
      pattern: '^(?:@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~-][a-z0-9._~-]*$|^/[^\\u0000]+$',
    },
  },
  scopes: {
    type: 'array',
    maxItems: 100,
    default: [],
    description: 'Settings of addins that contribute scopes, which are used only where they stand here.',
    examples: [[{ use: 'mail-relay', file: '/etc/mail-relay.json' }]],
    items: {
      type: 'object',
      required: ['use'],
      properties: {
        use: {
          type: 'string',
          minLength: 1,
          description: 'Name of the addin. Other properties are its settings.',
          examples: ['mail-relay'],
        },
      },
    },
  },
} as const;
