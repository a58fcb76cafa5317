// The API's types, made of docs/api/openapi.yaml before each build, so that the dashboard and the contract cannot differ.
import { mkdirSync, readFileSync, writeFileSync, existsSync } from 'node:fs';
import { parse } from 'yaml';

const document = parse(readFileSync(new URL('../../docs/api/openapi.yaml', import.meta.url), 'utf8'));
const name = (ref) => ref.slice(ref.lastIndexOf('/') + 1);

/** A schema as a TypeScript type. */
export function type(schema) {
  if (!schema) return 'unknown';
  if (schema.$ref) return name(schema.$ref);
  if (schema.allOf) return schema.allOf.map(type).join(' & ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(' | ');
  const kinds = [schema.type].flat();
  return kinds.map((kind) => plain(kind, schema)).join(' | ');
}

function plain(kind, schema) {
  switch (kind) {
    case 'null':
    case 'string':
    case 'boolean':
      return kind;
    case 'integer':
    case 'number':
      return 'number';
    case 'array':
      return `Array<${type(schema.items)}>`;
    case 'object':
      return object(schema);
    default:
      return 'unknown';
  }
}

function object(schema) {
  const required = new Set(schema.required ?? []);
  const members = Object.entries(schema.properties ?? {}).map(
    ([key, one]) => `  ${JSON.stringify(key)}${required.has(key) ? '' : '?'}: ${type(one)};`);
  if (schema.additionalProperties) {
    const more = `Record<string, ${type(schema.additionalProperties)}>`;
    return members.length ? `{\n${members.join('\n')}\n} & ${more}` : more;
  }
  return `{\n${members.join('\n')}\n}`;
}

const out = ['// Made by tools/api_types.mjs from docs/api/openapi.yaml; not kept in git.'];
for (const [key, schema] of Object.entries(document.components.schemas)) out.push(`export type ${key} = ${type(schema)};`);
const paths = Object.keys(document.paths).filter((one) => !document.paths[one].servers);
out.push(`export type Path = ${paths.map((one) => JSON.stringify(one)).join(' | ')};`);

const file = new URL('../src/api/schema.ts', import.meta.url);
const text = out.join('\n') + '\n';
mkdirSync(new URL('.', file), { recursive: true });
if (!existsSync(file) || readFileSync(file, 'utf8') !== text) writeFileSync(file, text);
