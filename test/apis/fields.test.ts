import type { DescFile } from '@bufbuild/protobuf';
import { expect } from 'chai';
import { compileProtos, tableOf } from './descriptors.js';
import * as tables from './field-tables.js';

describe('the protos have the messages, field names, numbers and types that peers use', () => {
  let files: ReadonlyMap<string, DescFile>;
  before(() => {
    files = compileProtos();
  });

  const cases: [file: string, protoPackage: string, table: tables.PackageTable][] = [
    ['networkservice.proto', 'networkservice', tables.networkserviceTable],
    ['connection.proto', 'connection', tables.connectionTable],
    ['connectioncontext.proto', 'connectioncontext', tables.connectioncontextTable],
    ['registry.proto', 'registry', tables.registryTable],
    ['workload.proto', '', tables.workloadTable],
    ['deviceplugin-v1beta1.proto', 'v1beta1', tables.devicePluginTable],
    ['podresources-v1.proto', 'v1', tables.podResourcesTable],
    ['podresources-v1alpha1.proto', 'v1alpha1', tables.podResourcesAlphaTable],
    ['health.proto', 'grpc.health.v1', tables.healthTable],
  ];
  for (const [name, protoPackage, table] of cases) {
    it(`${name}: ${protoPackage === '' ? 'no package' : `package ${protoPackage}`}`, () => {
      const file = files.get(name);
      if (file === undefined) throw new Error(`no ${name} among ${[...files.keys()].join(', ')}`);
      expect(file.proto.package).to.equal(protoPackage);
      expect(tableOf(file)).to.deep.equal(table);
    });
  }

  it('no proto file is without a table', () => {
    const ours = [...files.keys()].filter((name) => !name.startsWith('google/'));
    expect(ours).to.have.members(cases.map(([name]) => name));
  });
});
