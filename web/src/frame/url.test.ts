import { beforeEach, describe, expect, it } from 'vitest';
import { contextOf, followLinks, go, href, match, path, query, setQuery } from './url';

beforeEach(() => {
  window.history.replaceState(null, '', '/k8s-monitor/');
  followLinks();
});

describe('addresses', () => {
  it('finds the context path from where the program lies', () => {
    expect(contextOf('http://x/k8s-monitor/assets/index-abc.js')).toBe('/k8s-monitor');
    expect(contextOf('http://x/a/b/assets/index-abc.js')).toBe('/a/b');
    expect(contextOf('http://x/assets/index-abc.js')).toBe('');
  });
  it('reads pages and their names', () => {
    expect(match('/pods/:namespace/:pod', '/pods/ml/a%2Fb')).toEqual({ namespace: 'ml', pod: 'a/b' });
    expect(match('/pods', '/pods/ml')).toBeNull();
    expect(match('/pods/:namespace/:pod', '/pods/ml/%zz')).toBeNull();
  });
  it('takes range, zone and cluster along, and no filter', () => {
    go('/k8s-monitor/inventory?view=devices&use=idle&range=6h&zone=utc&cluster=east');
    expect(path.value).toBe('/inventory');
    expect(href('/pods?team=vision')).toBe('/k8s-monitor/pods?team=vision&range=6h&zone=utc&cluster=east');
  });
  it('drops what is empty', () => {
    go('/k8s-monitor/pods?namespace=ml&use=idle');
    setQuery({ use: null, search: '<script>' });
    expect(window.location.search).toBe('?namespace=ml&search=%3Cscript%3E');
    expect(query.value.get('search')).toBe('<script>');
  });
});
