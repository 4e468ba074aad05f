package main

import (
	"context"
	"fmt"
	"slices"
)

// measure opens every screen in every language on every network, runs times each.
func measure(ctx context.Context, runs int, progress *progress) (*report, error) {
	s, err := openSite()
	if err != nil {
		return nil, err
	}
	defer s.close()
	c, err := openChromium(ctx)
	if err != nil {
		return nil, err
	}
	defer c.close()
	r := &report{
		Chromium: c.version, Runs: runs, CPUSlowdown: cpuSlowdown, Width: viewWidth, Height: viewHeight, Profiles: profiles,
	}
	for _, of := range screens {
		if of.paid {
			if err := s.pay(of.number, of.amount); err != nil {
				return nil, err
			}
		}
		if of.number != "" {
			if err := c.claim(s.link(of, languages[0]), of); err != nil {
				return nil, fmt.Errorf("claim for %s: %w", of.name, err)
			}
		}
	}
	for i, of := range screens {
		for j, language := range languages {
			progress.show(i*len(languages)+j+1, len(screens)*len(languages), of.name+", "+language)
			m, err := c.measure(s.link(of, language), of, runs)
			if err != nil {
				progress.end()
				return nil, err
			}
			m.Screen, m.Language = of.name, language
			r.Screens = append(r.Screens, m)
		}
	}
	progress.end()
	r.judge()
	return r, nil
}

// measure opens one link on every network, runs times each.
func (c *chromium) measure(link string, of screen, runs int) (measured, error) {
	var m measured
	for _, p := range profiles {
		all := make([]timing, 0, runs)
		for range runs {
			w, t, err := c.load(link, of.use, p)
			if err != nil {
				return m, err
			}
			if w.Total > m.Total { // what a budget bounds is the heaviest
				m.weight = w
			}
			all = append(all, t)
		}
		m.Timings = append(m.Timings, timed{Profile: p.Name, timing: middle(all)})
	}
	return m, nil
}

// middle is the median of each time.
func middle(all []timing) timing {
	of := func(get func(timing) int64) int64 {
		list := make([]int64, 0, len(all))
		for _, t := range all {
			list = append(list, get(t))
		}
		slices.Sort(list)
		return (list[(len(list)-1)/2] + list[len(list)/2]) / 2
	}
	return timing{
		FirstByte: of(func(t timing) int64 { return t.FirstByte }),
		Paint:     of(func(t timing) int64 { return t.Paint }),
		Usable:    of(func(t timing) int64 { return t.Usable }),
	}
}
