import json, sys, pathlib, collections
import numpy as np
d=pathlib.Path(sys.argv[1]); verbose=sys.argv[2:] 
ev=np.memmap(d/'evidence.f64',dtype='<f8',mode='r'); tr=np.memmap(d/'traces.f64',dtype='<f8',mode='r')
off=0; res=collections.defaultdict(list); fa=collections.Counter(); weeks=collections.Counter(); eta=collections.defaultdict(list)
FOR=int(2)
for line in open(d/'traces.jsonl'):
    t=json.loads(line); n=t['minutes']; e=ev[off:off+n]; off+=3*n
    used=tr[t['offset']:t['offset']+n]; lim=tr[t['offset']+n:t['offset']+2*n]
    near=used/lim>0.9
    fire=np.isfinite(e)
    inc=np.zeros(n,bool)
    for a,b in t['incidents']: inc[a:b+30]=True
    # starts of episodes, with 10 min merge
    starts=np.flatnonzero(fire & ~np.concatenate([[False],fire[:-1]]))
    last=-10**9; fstarts=[]
    for s in np.flatnonzero(fire):
        if s-last>60: fstarts.append(s)
        last=s
    f=[s for s in fstarts if not inc[s]]
    fa[t['class']]+=len(f); weeks[t['class']]+= (n-inc.sum())/10080
    if t['class'] in verbose and f:
        print(t['id'],[(int(s),round(used[s]/lim[s],3),round(used[max(0,s-200)]/lim[s],3),round(e[s]/60),int(s-ev[off-n+s]/60)) for s in f][:4])
    for a,b in t['incidents']:
        h=np.flatnonzero(fire[a:b]);
        T=b-a
        if len(h):
            s=a+h[0]; res[t['class']].append((b-s)/T); eta[t['class']].append(e[s]/60/max(1,b-s))
        else:
            res[t['class']].append(-1)
        if t['class'] in verbose and (not len(h) or (b-a-h[0])/T<0.3): print(t['id'],'T',T,'lead',res[t['class']][-1], 'onset',a)
alll=[]; 
for c,v in res.items():
    v=np.array(v); alll+=list(v); x=np.array(eta[c])
    print(f"{c:22s} n={len(v):3d} caught={np.mean(v>=0):.3f} >=25%: {np.mean(v>=.25):.3f} med={np.median(v):.2f} p10={np.quantile(v,.1):.2f} eta med={np.median(x) if len(x) else 0:.2f} false={fa[c]}")
v=np.array(alll); print('ALL',len(v),f"caught={np.mean(v>=0):.3f} >=25%: {np.mean(v>=.25):.3f} med={np.median(v):.2f} p10={np.quantile(v,.1):.2f}", 'eta', np.quantile(np.concatenate([eta[c] for c in eta]),[.1,.25,.5,.75,.9]).round(2))
tot=0;w=0
for c in weeks:
    if c in res: continue
    print(f"{c:22s} weeks={weeks[c]:.0f} false={fa[c]}")
    if c not in('cache_fill','ramp_release'): tot+=fa[c]; w+=weeks[c]
print('benign',tot,'in',w,'weeks', tot/w)
