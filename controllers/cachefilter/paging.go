// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cachefilter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
)

// A newer API server streams the objects of a list, and the cache slims each object
// before the next. An older one (1.31 and 1.33, or with the feature WatchList off)
// answers a list with all objects at once, which may be hundreds of megabytes. The
// operator asks such a server for pages, and slims each page before the next.

const (
	// firstPage and largestPage are how many objects a page has at first and at most.
	firstPage, largestPage = 10, 500
	// maxPage bounds the bytes of a page with several objects.
	maxPage = 4 << 20
)

var errLargePage = errors.New("a page of a list is too large")

// LimitLists makes the clients of a configuration give up a page of a list that is too
// large. The cache then asks for a smaller page.
func LimitLists(config *rest.Config) {
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return limitedLists{next} })
}

type limitedLists struct{ next http.RoundTripper }

func (l limitedLists) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := l.next.RoundTrip(request)
	if err == nil && request.Method == http.MethodGet && isPage(request.URL.Query()) {
		response.Body = &limitedBody{ReadCloser: response.Body, left: maxPage}
	}
	return response, err
}

// isPage reports whether a request asks for a page of several objects. A page with one
// object must be read, whatever its size.
func isPage(query url.Values) bool {
	return query.Has("limit") && query.Get("limit") != "1" && query.Get("watch") == ""
}

type limitedBody struct {
	io.ReadCloser
	left int
}

func (b *limitedBody) Read(into []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLargePage
	}
	n, err := b.ReadCloser.Read(into)
	b.left -= n
	return n, err
}

// newInformer returns an informer that lists in pages.
func newInformer(from toolscache.ListerWatcher, object runtime.Object, resync time.Duration, indexers toolscache.Indexers) toolscache.SharedIndexInformer {
	pages := &pagedList{ListerWatcherWithContext: toolscache.ToListerWatcherWithContext(from)}
	return &pagedInformer{
		SharedIndexInformer: toolscache.NewSharedIndexInformer(&toolscache.ListWatch{
			ListWithContextFunc: pages.ListWithContext, WatchFuncWithContext: pages.WatchWithContext,
		}, object, resync, indexers),
		pages: pages,
	}
}

// pagedInformer passes its transform on to its pages.
type pagedInformer struct {
	toolscache.SharedIndexInformer
	pages *pagedList
}

func (i *pagedInformer) SetTransform(transform toolscache.TransformFunc) error {
	if err := i.SharedIndexInformer.SetTransform(transform); err != nil {
		return err
	}
	i.pages.transform = transform
	return nil
}

type pagedList struct {
	toolscache.ListerWatcherWithContext
	transform toolscache.TransformFunc
}

// ListWithContext reads a list in pages. It reads the newest version, because an API
// server does not page an older version that it has in memory.
func (p *pagedList) ListWithContext(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	options.ResourceVersion, options.ResourceVersionMatch, options.Limit = "", "", firstPage
	var slim []runtime.Object
	for {
		page, err := p.ListerWatcherWithContext.ListWithContext(ctx, options)
		if errors.Is(err, errLargePage) && options.Limit > 1 {
			options.Limit /= 2
			continue
		}
		if err != nil {
			return nil, err
		}
		if slim, err = p.append(slim, page); err != nil {
			return nil, err
		}
		list, err := meta.ListAccessor(page)
		if err != nil {
			return nil, fmt.Errorf("read a list of %T: %w", page, err)
		}
		if options.Continue = list.GetContinue(); options.Continue == "" {
			return page, meta.SetList(page, slim)
		}
		options.Limit = min(options.Limit*2, largestPage)
	}
}

// append slims the objects of a page and appends them.
func (p *pagedList) append(slim []runtime.Object, page runtime.Object) ([]runtime.Object, error) {
	items, err := meta.ExtractListWithAlloc(page)
	if err != nil {
		return nil, fmt.Errorf("read the items of %T: %w", page, err)
	}
	for _, item := range items {
		if p.transform != nil {
			kept, err := p.transform(item)
			if err != nil {
				return nil, fmt.Errorf("slim %T: %w", item, err)
			}
			item = kept.(runtime.Object) //nolint:forcetypeassert // an object is slimmed to an object
		}
		slim = append(slim, item)
	}
	return slim, nil
}
