import { expect } from 'chai';
import type { Match } from '../../apis/generated/registry.js';
import { timestamp } from '../../src/forwarder/chain/timestamp.js';
import { matchEndpoints } from '../../src/forwarder/elements/match-endpoints.js';
import { endpointNamed, serviceNamed } from '../../src/forwarder/grpc/registry-messages.js';

const now = 1_000_000;
const service = (matches: Match[] = []) => ({ ...serviceNamed('s', 'ETHERNET'), matches });
const endpoint = (name: string, labels: Record<string, string> = {}) =>
  endpointNamed({ name, services: ['s'], labels });
const match = (given: Partial<Match>): Match => ({
  sourceSelector: {},
  routes: [],
  fallthrough: false,
  metadata: undefined,
  ...given,
});
const to = (destinationSelector: Record<string, string>) => ({ destinationSelector, weight: 0 });

const endpoints = [endpoint('a', { app: 'a' }), endpoint('b', { app: 'b', node: 'n1' })];

describe('matchEndpoints', () => {
  const rows: readonly { title: string; matches: Match[]; labels?: Record<string, string>; found: string[] }[] = [
    { title: 'a service without matches takes every endpoint', matches: [], found: ['a', 'b'] },
    {
      title: 'the first match whose source selector fits decides',
      matches: [
        match({ sourceSelector: { tier: 'gold' }, routes: [to({ app: 'a' })] }),
        match({ routes: [to({ app: 'b' })] }),
      ],
      labels: { tier: 'gold', more: 'x' },
      found: ['a'],
    },
    {
      title: 'a match that fits and finds nothing ends the search',
      matches: [match({ routes: [to({ app: 'z' })] }), match({ routes: [to({ app: 'b' })] })],
      found: [],
    },
    {
      title: 'unless it falls through',
      matches: [match({ routes: [to({ app: 'z' })], fallthrough: true }), match({ routes: [to({ app: 'b' })] })],
      found: ['b'],
    },
    {
      title: 'endpoints come in the order of the routes',
      matches: [match({ routes: [to({ app: 'b' }), to({ app: 'a' })] })],
      found: ['b', 'a'],
    },
    {
      title: 'templates are filled in from the labels of the request',
      matches: [match({ routes: [to({ node: '{{ .nodeName }}' })] })],
      labels: { nodeName: 'n1' },
      found: ['b'],
    },
    {
      title: 'a match with metadata and no routes takes every endpoint',
      matches: [match({ metadata: { labels: { x: 'y' } } })],
      found: ['a', 'b'],
    },
    { title: 'no match applies: none', matches: [match({ sourceSelector: { tier: 'gold' } })], found: [] },
  ];
  for (const row of rows) {
    it(row.title, () => {
      const found = matchEndpoints(service(row.matches), endpoints, { labels: row.labels ?? {}, now });
      expect(found.map((it) => it.name)).to.deep.equal(row.found);
    });
  }

  it('passes over endpoints that have expired', () => {
    const expired = { ...endpoint('old'), expirationTime: timestamp(now - 1) };
    const fresh = { ...endpoint('new'), expirationTime: timestamp(now + 1) };
    expect(matchEndpoints(service(), [expired, fresh], { labels: {}, now }).map((it) => it.name)).to.deep.equal([
      'new',
    ]);
  });
});
