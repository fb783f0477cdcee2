import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  createFileRegistry,
  type DescEnum,
  type DescField,
  type DescFile,
  type DescMessage,
  fromBinary,
  ScalarType,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

const protoFolder = fileURLToPath(new URL('../../apis/proto/', import.meta.url));

/** Our proto files as the protobuf compiler understands them, by file name without folder. */
export function compileProtos(): ReadonlyMap<string, DescFile> {
  const protos = readdirSync(protoFolder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.proto'),
  );
  const folder = mkdtempSync(join(tmpdir(), 'descriptors-'));
  try {
    const out = join(folder, 'set');
    const includes = new Set(protos.map((file) => `--proto_path=${join(protoFolder, file, '..')}`));
    const protoc = createRequire(import.meta.url).resolve('protoc/protoc.cjs');
    execFileSync(process.execPath, [
      protoc,
      ...includes,
      '--include_imports',
      `--descriptor_set_out=${out}`,
      ...protos.map((file) => basename(file)),
    ]);
    const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(out)));
    return new Map([...registry.files].map((file) => [`${file.name}.proto`, file]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Everything a file declares in the words of the field tables. */
export function tableOf(file: DescFile): Record<string, readonly string[]> {
  const prefix = file.proto.package === '' ? 0 : file.proto.package.length + 1;
  const types = [...file.messages.flatMap(withNested), ...file.enums];
  return Object.fromEntries(types.map((type) => [type.typeName.slice(prefix), rowsOf(type)]));
}

function withNested(message: DescMessage): (DescMessage | DescEnum)[] {
  return [message, ...message.nestedEnums, ...message.nestedMessages.flatMap(withNested)];
}

function rowsOf(type: DescMessage | DescEnum): string[] {
  if (type.kind === 'enum') return type.values.map((value) => `${value.name}=${value.number}`);
  return type.fields.map((field) => `${field.number} ${field.name} ${typeOf(field)}`);
}

function typeOf(field: DescField): string {
  if (field.fieldKind === 'map') return `map<${ScalarType[field.mapKey].toLowerCase()}, ${elementOf(field)}>`;
  if (field.fieldKind === 'list') return `repeated ${elementOf(field)}`;
  return field.proto.proto3Optional ? `optional ${elementOf(field)}` : elementOf(field);
}

function elementOf(field: DescField): string {
  if (field.message !== undefined) return field.message.typeName;
  if (field.enum !== undefined) return field.enum.typeName;
  return ScalarType[field.scalar].toLowerCase();
}
