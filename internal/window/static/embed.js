// Galla's payment window: see the merchant's page, docs/protocol.md
(function () {
  'use strict';
  var d = document;
  function make(name, css, names) {
    var e = d.createElement(name);
    e.style.cssText = css;
    for (var n in names) e.setAttribute(n, names[n]);
    return e;
  }
  function words(url) { return /[?&]lang=hi/.test(url) ? ['पेमेंट', 'बंद करें'] : ['Payment', 'Close']; }
  function frame(url, onState) {
    var f = make('iframe', 'width:640px;height:750px;max-width:100%;max-height:100%;border:0;display:block',
      {src: url, title: words(url)[0], allow: 'clipboard-write'});
    var origin = new URL(url, location.href).origin;
    addEventListener('message', function (e) {
      if (e.source && e.source === f.contentWindow && e.origin === origin && e.data && e.data.galla === 'state' && onState) onState(e.data);
    });
    return f;
  }
  function open(url, o) {
    o = o || {};
    if (o.into) return o.into.appendChild(frame(url, o.onState));
    var before = d.activeElement;
    var box = make('dialog', 'padding:0;border:0;border-radius:12px;max-width:100%;max-height:100%', {'aria-modal': 'true', 'aria-label': words(url)[0]});
    var shut = make('button', 'display:block;margin-inline-start:auto;width:44px;height:44px;border:0;background:none;font-size:24px', {type: 'button', 'aria-label': words(url)[1]});
    shut.textContent = '×';
    shut.onclick = function () { box.close(); };
    box.onclose = function () { box.remove(); if (before) before.focus(); };
    box.append(shut, frame(url, o.onState));
    d.body.append(box);
    box.showModal();
    return box;
  }
  window.Galla = {open: open};
  function start() {
    d.querySelectorAll('[data-galla]').forEach(function (e) { open(e.dataset.galla, {into: e}); });
    d.querySelectorAll('[data-galla-open]').forEach(function (e) { e.onclick = function () { open(e.dataset.gallaOpen); }; });
  }
  if (d.readyState === 'loading') d.addEventListener('DOMContentLoaded', start);
  else start();
}());
